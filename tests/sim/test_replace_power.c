/* test_replace_power.c - hark_file_replace_start and a loss of power at any moment: what is found
 * afterwards is the old content or the new one, whole, and no older than what `done` told of. */
#include "hark.h"
#include "hark/files.h"
#include "hark/sim.h"
#include "harness/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static const uint64_t second_ns = UINT64_C(1000000000);

enum { VERSION_BYTES = 9000, VERSIONS = 30 };

struct versions {
    enum hark_backend_kind backend;
    int told;  /* the newest of which `done` has said that all is well */
    int found; /* 0: there is no file; -1: one that is no version */
    struct hark_file_replace replace;
    struct hark_file_read read;
    char *bytes; /* the process's */
};

static void replace_next(struct versions *versions);

static void replaced(struct hark_file_replace *replace, int error)
{
    struct versions *versions = replace->context;
    if (error)
        return;
    versions->told++;
    if (versions->told < VERSIONS)
        replace_next(versions);
}

static void replace_next(struct versions *versions)
{
    harness_fill(versions->bytes, VERSION_BYTES, (uint64_t)versions->told + 1);
    hark_file_replace_start(versions->replace.loop, &versions->replace, AT_FDCWD, "/tmp/current",
                            versions->bytes, VERSION_BYTES, 0644, replaced);
}

static int write_versions(void *argument)
{
    struct versions *versions = argument;
    struct hark_options options = {.backend = versions->backend};
    struct hark_loop *loop;
    if (hark_loop_create(&options, &loop))
        return 1;
    versions->bytes = malloc(VERSION_BYTES);
    if (!versions->bytes)
        return 2;
    versions->replace = (struct hark_file_replace){.context = versions, .loop = loop};
    replace_next(versions);
    int left = hark_run(loop);
    free(versions->bytes);
    return left || hark_loop_destroy(loop);
}

static void was_read(struct hark_file_read *read, int error)
{
    struct versions *versions = read->context;
    versions->found = error == -ENOENT ? 0 : -1;
    for (int version = 1; !error && version <= VERSIONS; version++)
        if (read->count == VERSION_BYTES &&
            harness_filled(read->bytes, VERSION_BYTES, (uint64_t)version))
            versions->found = version;
    free(read->bytes);
}

static int look(void *argument)
{
    struct versions *versions = argument;
    struct hark_loop *loop;
    if (hark_loop_create(NULL, &loop))
        return 1;
    versions->read = (struct hark_file_read){.context = versions};
    hark_file_read_start(loop, &versions->read, AT_FDCWD, "/tmp/current", VERSION_BYTES, was_read);
    int left = hark_run(loop);
    return left || hark_loop_destroy(loop);
}

static void lose_power(uint64_t seed, int *cut_short)
{
    static const enum hark_backend_kind backends[] = {HARK_BACKEND_URING, HARK_BACKEND_EPOLL,
                                                      HARK_BACKEND_POLL, HARK_BACKEND_SELECT};
    struct hark_sim *world;
    struct hark_sim_options options = {.seed = seed};
    struct versions versions = {.backend = backends[seed % 4], .found = -2};
    assert_int_equal(hark_sim_create(&options, &world), 0);
    struct hark_sim_machine *machine = hark_sim_add_machine(world);
    hark_sim_start(machine, write_versions, &versions);
    assert_true(hark_sim_run_for(world, hark_sim_random(world, second_ns / 2)) >= 0);
    hark_sim_power_off(machine);
    *cut_short += versions.told > 0 && versions.told < VERSIONS;
    hark_sim_power_on(machine);
    hark_sim_start(machine, look, &versions);
    assert_int_equal(hark_sim_run(world), 0);
    hark_sim_destroy(world);
    if (versions.found < versions.told || versions.found > versions.told + 1)
        fail_msg("seed %llu: told of %d, found %d", (unsigned long long)seed, versions.told,
                 versions.found);
}

TEST(a_file_that_was_replaced_is_whole_after_a_power_loss)
{
    int cut_short = 0;
    for (uint64_t seed = 0; seed < 800; seed++)
        lose_power(seed, &cut_short);
    assert_true(cut_short > 100);
}
