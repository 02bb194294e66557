/* input.c - bytes that are lent, kept, dropped.
 *
 * What must hold: `kept` is the only memory, and there is none while all that came is used
 * at once.
 */
#include "base/input.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Copies what is left, and a further piece behind it. */
static int copy(struct input *input, const void *bytes, size_t count)
{
    char *kept = malloc(input->count + count);
    if (!kept) {
        input_drop(input);
        return -ENOMEM;
    }
    if (input->count != 0)
        memcpy(kept, input->bytes, input->count);
    if (count != 0)
        memcpy(kept + input->count, bytes, count);
    free(input->kept);
    *input = (struct input){.bytes = kept, .count = input->count + count, .kept = kept};
    return 0;
}

int input_add(struct input *input, const void *bytes, size_t count)
{
    check(!input->lent);
    if (input->count != 0)
        return copy(input, bytes, count);
    input_drop(input);
    *input = (struct input){.bytes = bytes, .count = count, .lent = true};
    return 0;
}

int input_keep(struct input *input)
{
    if (!input->lent)
        return 0;
    if (input->count != 0)
        return copy(input, NULL, 0);
    input_drop(input);
    return 0;
}
