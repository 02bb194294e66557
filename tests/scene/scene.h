/* scene.h - scenes: programs in a simulated world, played from many seeds (make sim).
 *
 *     SCENE(echo, "clients and a server that echoes, connections that break")
 *     {
 *         ... hark_sim_add_machine(world), hark_sim_start, hark_sim_run, scene_check(...)
 *     }
 *
 * A scene may be played many times in one process of the real machine: it keeps nothing in static
 * variables. It is the same from the same seed, whoever has compiled it: so no two draws stand in
 * one list of arguments or of initial values, whose order is the compiler's. */
#ifndef SCENE_SCENE_H
#define SCENE_SCENE_H

#include "hark.h"
#include "hark/sim.h"

#include <errno.h>

struct scene {
    const char *name;
    const char *about;
    void (*play)(struct hark_sim *world);
    uint32_t faults_per_million; /* hark_sim_options */
    uint32_t faults_off;
    const uint64_t *kept; /* seeds that have found something: they are played first */
    size_t kept_count;
    struct scene *next;
};

void scene_enrol(struct scene *scene);

/* A scene with faults of chance, one that has none, and one that says how many, and of which kinds
 * (1 << HARK_SIM_FAULT_...) there are none. The numbers behind are seeds that have found something:
 * they are played first. */
#define SCENE(scene_name, scene_about, ...)                                                        \
    SCENE_WITHOUT(scene_name, scene_about, 0, 0, __VA_ARGS__)
#define SCENE_CALM(scene_name, scene_about, ...)                                                   \
    SCENE_WITHOUT(scene_name, scene_about, 1, 0, __VA_ARGS__)
#define SCENE_WITH(scene_name, scene_about, faults, ...)                                           \
    SCENE_WITHOUT(scene_name, scene_about, faults, 0, __VA_ARGS__)
#define SCENE_WITHOUT(scene_name, scene_about, faults, off, ...)                                   \
    static void scene_##scene_name(struct hark_sim *world);                                        \
    __attribute__((constructor)) static void scene_enrol_##scene_name(void)                        \
    {                                                                                              \
        static const uint64_t kept[] = {0, __VA_ARGS__}; /* the first stands for none */           \
        static struct scene scene = {.name = #scene_name,                                          \
                                     .about = scene_about,                                         \
                                     .play = scene_##scene_name,                                   \
                                     .faults_per_million = (faults),                               \
                                     .faults_off = (off),                                          \
                                     .kept = kept + 1,                                             \
                                     .kept_count = sizeof kept / sizeof *kept - 1};                \
        scene_enrol(&scene);                                                                       \
    }                                                                                              \
    static void scene_##scene_name(struct hark_sim *world)

/* What must hold, in the scene and in its processes. Where it does not, the seed is said, the last
 * that has happened, and how to play it again. */
#define scene_check(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition))                                                                          \
            scene_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);                             \
    } while (0)
_Noreturn void scene_failed(const char *file, int line, const char *condition, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* The seed that is being played, for scenes in which it is a case's number. */
uint64_t scene_seed(void);

/* How many steps a scene makes of those that it would: fewer where a failure is being shrunk. Once
 * in a scene. */
uint64_t scene_steps(uint64_t wanted);

/* It has ended with 0, and cleaned up behind itself. */
void scene_left_nothing(const struct hark_sim_process *process);

/* Whether the scene that is played asks for errors by chance, and a call that ends so may be made
 * again: what chance brings is no end. */
bool scene_errs(void);
bool scene_may_try_again(int64_t result);

/* A loop; where chance brings errors, as soon as one can be made. */
struct hark_loop *scene_make_loop(const struct hark_options *options);

/* A call by the C library's name, as often as scene_may_try_again lets it. */
#define scene_try(call)                                                                            \
    __extension__({                                                                                \
        int64_t scene_result;                                                                      \
        do                                                                                         \
            scene_result = (call);                                                                 \
        while (scene_result < 0 && scene_may_try_again(-errno));                                   \
        (int)scene_result;                                                                         \
    })

/* Runs the world until all processes have ended: else the scene fails. */
void scene_run(struct hark_sim *world);

#endif
