# embed_profiles(OUT FILES...): writes C source with the content of the files, as config/builtin.h
# declares it. Bytes as numbers: a C string may not be as long as a file.
function(embed_profiles out)
    set(arrays "")
    set(rows "")
    foreach(file ${ARGN})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        get_filename_component(stem ${file} NAME_WE)
        file(READ ${file} hex HEX)
        string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
        string(APPEND arrays "static const char TEXT_${stem}[] = {${bytes}};\n")
        string(APPEND rows "    {\"${stem}\", TEXT_${stem}, sizeof(TEXT_${stem})},\n")
    endforeach()
    list(LENGTH ARGN count)
    file(CONFIGURE OUTPUT ${out} CONTENT
"#include \"config/builtin.h\"

${arrays}
const struct builtin_file BUILTIN_PROFILES[] = {
${rows}};
const size_t BUILTIN_PROFILES_COUNT = ${count};
")
endfunction()
