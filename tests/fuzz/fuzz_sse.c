/* fuzz_sse.c - event streams under libFuzzer; check_sse.h holds the rules. */
#include "check_sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_sse(data, size);
    return 0;
}
