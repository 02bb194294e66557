/* features_hark.c - the optional features of io_uring that libhark uses here, a name a line: what
 * HARK_URING_WITHOUT can switch off. Ends with 1 where there is no io_uring. */
#include <hark.h>

#include <stdio.h>

int main(void)
{
    struct hark_loop *loop;
    const struct hark_feature *features;
    if (hark_loop_create(&(struct hark_options){.backend = HARK_BACKEND_URING}, &loop) < 0)
        return 1;
    size_t count = hark_loop_features(loop, &features);
    for (size_t i = 0; i < count; i++)
        if (features[i].used)
            puts(features[i].name);
    return hark_loop_destroy(loop) < 0;
}
