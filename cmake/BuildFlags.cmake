# One interface target carries the language, the warnings, the hardening and the sanitizers.
# gnu17: the OpenDKIM and OpenDMARC headers do not compile as strict c17.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# CMake's own Release defines NDEBUG and would drop the assertions.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

option(MAILSPUR_WERROR "Treat warnings as errors" ON)
set(MAILSPUR_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(MAILSPUR_FUZZ "Build the libFuzzer targets (clang)" OFF)

add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(build_flags INTERFACE _GNU_SOURCE
    MAILSPUR_VERSION="${PROJECT_VERSION}")
target_compile_options(build_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wformat=2 -Wwrite-strings -Wswitch-enum -Wundef -Wcast-qual
    $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wjump-misses-init>
    $<$<BOOL:${MAILSPUR_WERROR}>:-Werror>)

if(MAILSPUR_SANITIZE)
    target_compile_options(build_flags INTERFACE
        -fsanitize=${MAILSPUR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(build_flags INTERFACE -fsanitize=${MAILSPUR_SANITIZE})
else()
    target_compile_options(build_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection
        $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
    target_link_options(build_flags INTERFACE -Wl,-z,relro,-z,now -pie)
endif()
if(MAILSPUR_FUZZ)
    target_compile_options(build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
