# The Debian package: `cpack --config build/release/CPackConfig.cmake`, or `./dev package`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mailspur)
set(CPACK_PACKAGE_CONTACT "mailspur <dev@mailspur.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "inbound SMTP routing: a milter and a daemon")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Proves which domains belong to your tenants, judges incoming mail by SPF, DKIM, ARC and DMARC\nwhile the sender waits, stores it durably and delivers it to HTTP endpoints, signed and retried.")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/package")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, publicsuffix, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "postfix | sendmail-bin")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "unbound")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/packaging/debian/conffiles"
    "${CMAKE_SOURCE_DIR}/packaging/debian/postinst"
    "${CMAKE_SOURCE_DIR}/packaging/debian/prerm"
    "${CMAKE_SOURCE_DIR}/packaging/debian/postrm")

install(FILES conf/mailspur.yaml DESTINATION /etc/mailspur)
install(DIRECTORY conf/domains.d conf/postfix conf/sendmail DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN man EXCLUDE)
install(FILES docs/man/mailspur.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/mailspurd.8 docs/man/mailspur-milter.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

include(CPack)
