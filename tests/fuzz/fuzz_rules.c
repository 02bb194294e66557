/* fuzz_rules.c - rules under libFuzzer: what is taken is asked about, and what is allowed to nobody
 * in particular is a valid name below a prefix that stands in the text. */
#include "access/rules.h"
#include "wire/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Each word of the text, asked for as a stream's name. */
static void ask(const struct access_rules *rules, const char *text, size_t size)
{
    const struct access_who nobody = {0};
    const struct access_who user = {.has_uid = true, .uid = 7};
    char name[NAME_BYTES_MAX + 1];
    while (size > 0) {
        size_t count = 0;
        while (count < size && !memchr(" \t\r\n", text[count], 4))
            count++;
        if (name_valid(text, count)) {
            memcpy(name, text, count);
            name[count] = '\0';
            bool all = access_rules_allow(rules, &nobody, ACCESS_READ, NULL);
            must(!all || access_rules_allow(rules, &nobody, ACCESS_READ, name));
            must(!access_rules_allow(rules, &nobody, ACCESS_READ, name) ||
                 access_rules_allow(rules, &user, ACCESS_READ, name));
        }
        size -= count < size ? count + 1 : count;
        text += count + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct access_rules *rules = NULL;
    struct access_fault fault;
    int error = access_rules_parse((const char *)data, size, &rules, &fault);
    must(error == 0 || fault.reason);
    if (error == 0)
        ask(rules, (const char *)data, size);
    access_rules_destroy(rules);
    return 0;
}
