/* fuzz_lines.c - the lines protocol under libFuzzer; check_lines.h holds the rules. */
#include "check_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_lines(data, size);
    return 0;
}
