# What `./dev test` builds where it does not run everything.
add_custom_target(programs)
add_custom_target(threaded_tests)
add_custom_target(faults_tests)

# mailspur_library(NAME SOURCES a.c ... LINK ours... PRIVATE outside...)
# LINK passes on to users; PRIVATE stays inside (outside libraries: their types never appear in our headers).
function(mailspur_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LINK;PRIVATE" ${ARGN})
    add_library(${name} STATIC ${arg_SOURCES})
    target_link_libraries(${name} PUBLIC build_flags Threads::Threads ${arg_LINK}
                                  PRIVATE ${arg_PRIVATE})
endfunction()

function(mailspur_program name)
    cmake_parse_arguments(arg "" "DESTINATION" "SOURCES;LINK;PRIVATE" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE build_flags ${arg_LINK} ${arg_PRIVATE})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
    install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION})
    add_dependencies(programs ${name})
endfunction()

# mailspur_test(NAME SOURCES ... LINK ... [LABELS "unit;threaded"]): one cmocka program a module, run by
# ctest. `threaded` marks what `./dev test` runs under the thread sanitizer too.
# cmocka's signal handler would hide the sanitizers' report of a crash.
function(mailspur_test name)
    cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE build_flags ${arg_LINK} PkgConfig::cmocka)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    foreach(label IN ITEMS threaded faults)
        if(label IN_LIST arg_LABELS)
            add_dependencies(${label}_tests ${name})
        endif()
    endforeach()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
        ENVIRONMENT "ASAN_OPTIONS=allow_user_segv_handler=0:detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()
