/* fuzz_http.c - requests under libFuzzer; check_http.h holds the rules. */
#include "check_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_http(data, size);
    return 0;
}
