/* core.c - see the header. */
#include "subscriptions/core.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t FAR_NS = UINT64_C(72) * 1000000000; /* 60 s and a fifth more */

enum { DOUBLINGS = 6 }; /* to the longest wait */

void core_wake(struct subscription_core *core, const unsigned char *random)
{
    core->generation++;
    memcpy(core->wake_id, "w_", 2);
    for (size_t i = 0; i < WAKE_ID_RANDOM; i++)
        snprintf(core->wake_id + 2 + 2 * i, 3, "%02x", random[i]);
    core->holder[0] = '\0';
}

void core_clear(struct subscription_core *core)
{
    core->wake_id[0] = '\0';
    core->holder[0] = '\0';
}

void core_delivered(struct subscription_core *core)
{
    core->failures = 0;
    core->next_attempt_ns = 0;
}

void core_failed(struct subscription_core *core, uint64_t now_ns, uint32_t random)
{
    const uint32_t before = core->failures;
    uint64_t wait_ns = before < DOUBLINGS ? SECOND_NS << before : 60 * SECOND_NS;
    const uint64_t fifth_ns = wait_ns / 5;
    wait_ns = wait_ns - fifth_ns + random % (2 * fifth_ns + 1);
    if (core->failures < UINT32_MAX)
        core->failures++;
    core->next_attempt_ns = now_ns + wait_ns;
}

uint64_t core_wait_ns(const struct subscription_core *core, uint64_t now_ns)
{
    if (core->next_attempt_ns <= now_ns)
        return 0;
    const uint64_t left_ns = core->next_attempt_ns - now_ns;
    return left_ns < FAR_NS ? left_ns : FAR_NS;
}

bool core_is_current(const struct subscription_core *core, uint64_t token_generation,
                     uint64_t generation, const char *wake_id)
{
    return core->wake_id[0] != '\0' && token_generation == core->generation &&
           generation == core->generation && wake_id && strcmp(wake_id, core->wake_id) == 0;
}

bool core_same(const struct subscription_core *core, const struct subscription_core *other)
{
    return core->generation == other->generation && core->failures == other->failures &&
           core->next_attempt_ns == other->next_attempt_ns &&
           strcmp(core->wake_id, other->wake_id) == 0 && strcmp(core->holder, other->holder) == 0;
}

size_t core_write(const struct subscription_core *core, char *text)
{
    json_t *json =
        json_pack("{s:I, s:s, s:s, s:I, s:I}", "generation", (json_int_t)core->generation, "wake",
                  core->wake_id, "holder", core->holder, "failures", (json_int_t)core->failures,
                  "next", (json_int_t)core->next_attempt_ns);
    const size_t count = json ? json_dumpb(json, text, CORE_TEXT_MAX, JSON_COMPACT) : 0;
    json_decref(json);
    return count <= CORE_TEXT_MAX ? count : 0;
}

int core_read(const char *text, size_t count, struct subscription_core *out_core)
{
    json_int_t generation = 0, failures = 0, next = 0;
    const char *wake = "", *holder = "";
    struct subscription_core core = {0};
    json_t *json = json_loadb(text, count, 0, NULL);
    const bool read =
        json && json_unpack(json, "{s:I, s:s, s:s, s:I, s:I}", "generation", &generation, "wake",
                            &wake, "holder", &holder, "failures", &failures, "next", &next) == 0;
    const bool fits = read && strlen(wake) < sizeof core.wake_id &&
                      strlen(holder) < sizeof core.holder && generation >= 0 && failures >= 0 &&
                      next >= 0;
    if (fits) {
        core.generation = (uint64_t)generation;
        core.failures = (uint32_t)failures;
        core.next_attempt_ns = (uint64_t)next;
        memcpy(core.wake_id, wake, strlen(wake) + 1);
        memcpy(core.holder, holder, strlen(holder) + 1);
        *out_core = core;
    }
    json_decref(json);
    return fits ? 0 : -EINVAL;
}
