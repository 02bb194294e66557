/* fuzz_tls.c - streams over TLS, whose peer follows a script, under libFuzzer; check_tls.h holds
 * the rules. */
#include "check_tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!tls_world.loop)
        tls_world_begin(NULL);
    check_tls(data, size);
    return 0;
}
