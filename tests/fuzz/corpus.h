/* corpus.h - the fuzzers' corpus, run through the same rules in every run of the tests: what was
 * found once stays found.
 *
 * A file of tests/fuzz/corpus/SUBJECT goes whole, and cut at a few places, through check_SUBJECT.h.
 */
#ifndef TESTS_FUZZ_CORPUS_H
#define TESTS_FUZZ_CORPUS_H

#include "harness/harness.h"

#include <dirent.h>

enum { SEED_BYTES_MAX = 1 << 20 };

static inline void run_file(const char *path, void (*check)(const uint8_t *data, size_t size))
{
    static uint8_t bytes[SEED_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    size_t count;

    assert_non_null(file);
    count = fread(bytes, 1, sizeof bytes, file);
    assert_int_equal(ferror(file), 0);
    fclose(file);
    assert_true(count < sizeof bytes);
    check(bytes, count);
    for (size_t part = 1; part < 8; part++)
        check(bytes, count * part / 8);
}

static inline void run_corpus(const char *subject, void (*check)(const uint8_t *data, size_t size))
{
    const char *source = getenv("HARK_SOURCE");
    char path[4096];
    struct dirent *entry;
    DIR *folder;
    int files = 0;

    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source ? source : ".", subject);
    folder = opendir(path);
    if (!folder) {
        fail_msg("no %s: run from the top of the tree, or set HARK_SOURCE", path);
        return;
    }
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s/%s", source ? source : ".", subject,
                 entry->d_name);
        run_file(path, check);
        files++;
    }
    closedir(folder);
    assert_true(files >= 10);
}

#endif
