/* fuzz_response.c - responses under libFuzzer; check_response.h holds the rules. */
#include "check_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_response(data, size);
    return 0;
}
