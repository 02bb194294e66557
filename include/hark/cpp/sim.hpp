/* sim.hpp - simulated worlds (hark/sim.h) for C++. Not part of hark.hpp, as it needs libhark-sim.
 *
 *     auto program = [&] { return serve(); };
 *     hark::world world;
 *     if (!world.create())
 *         return 1;
 *     hark::process process = world.add_machine().start(program);
 *     hark::result ended = world.run();
 *
 * What is not here is called as in C, of get(). The thread is the one of the world, as there.
 */
#ifndef HARK_CPP_SIM_HPP
#define HARK_CPP_SIM_HPP

#include "../sim.h"
#include "base.hpp"

#include <cerrno>

namespace hark
{

/* A process of a world. It is the world's, and lives as long; this only names it, and is empty
 * where there was no memory for it. */
class process
{
  public:
    process() noexcept = default;
    explicit process(struct hark_sim_process *given) noexcept : process_(given)
    {
    }

    /* As the functions of hark/sim.h. */
    result setenv(const char *name, const char *value) const noexcept
    {
        return hark_sim_setenv(process_, name, value);
    }
    bool ended() const noexcept
    {
        return hark_sim_ended(process_);
    }
    int status() const noexcept
    {
        return hark_sim_status(process_);
    }
    hark_sim_leftovers left() const noexcept
    {
        hark_sim_leftovers left = {};
        hark_sim_left(process_, &left);
        return left;
    }
    result signal(int number) const noexcept
    {
        return hark_sim_signal(process_, number);
    }
    void kill() const noexcept
    {
        hark_sim_kill(process_);
    }

    explicit operator bool() const noexcept
    {
        return process_ != nullptr;
    }
    struct hark_sim_process *get() const noexcept
    {
        return process_;
    }

  private:
    struct hark_sim_process *process_ = nullptr;
};

/* A machine of a world, in the same way. */
class machine
{
  public:
    machine() noexcept = default;
    explicit machine(struct hark_sim_machine *given) noexcept : machine_(given)
    {
    }

    /* Starts a process that calls it: a lambda, or whatever is called without arguments. What it
     * gives is the process's status; nothing: 0.
     * Takes: what lives until the process has ended: so no temporary. */
    template <class Program> process start(Program &program) const noexcept
    {
        return process(hark_sim_start(
            machine_,
            [](void *argument) noexcept -> int {
                Program &own = *static_cast<Program *>(argument);
                if constexpr (std::is_void_v<decltype(own())>) {
                    own();
                    return 0;
                } else {
                    return own();
                }
            },
            const_cast<void *>(static_cast<const void *>(&program))));
    }
    template <class Program> process start(const Program &&program) const = delete;

    void power_off() const noexcept
    {
        hark_sim_power_off(machine_);
    }
    void power_on() const noexcept
    {
        hark_sim_power_on(machine_);
    }
    bool is_on() const noexcept
    {
        return hark_sim_is_on(machine_);
    }
    void partition(machine other) const noexcept
    {
        hark_sim_partition(machine_, other.machine_);
    }
    void heal(machine other) const noexcept
    {
        hark_sim_heal(machine_, other.machine_);
    }

    explicit operator bool() const noexcept
    {
        return machine_ != nullptr;
    }
    struct hark_sim_machine *get() const noexcept
    {
        return machine_;
    }

  private:
    struct hark_sim_machine *machine_ = nullptr;
};

/* The world, and its owner. Move-only; empty at first, and after it was moved from. */
class world
{
  public:
    world() noexcept = default;
    world(world &&other) noexcept : world_(std::exchange(other.world_, nullptr))
    {
    }
    world &operator=(world &&other) noexcept
    {
        if (this != &other) {
            end();
            world_ = std::exchange(other.world_, nullptr);
        }
        return *this;
    }
    ~world()
    {
        end();
    }

    /* hark_sim_create.
     * Takes: an empty one. */
    result create(const hark_sim_options &options = hark_sim_options()) noexcept
    {
        if (world_)
            detail::broken("a world was created that had been created already");
        return hark_sim_create(&options, &world_);
    }
    void end() noexcept
    {
        hark_sim_destroy(std::exchange(world_, nullptr));
    }

    /* Empty where there is no memory. */
    machine add_machine() const noexcept
    {
        return machine(hark_sim_add_machine(world_));
    }
    result add_name(const char *name, const char *address) const noexcept
    {
        return hark_sim_add_name(world_, name, address);
    }
    void add_fault(const hark_sim_fault &fault) const noexcept
    {
        hark_sim_add_fault(world_, &fault);
    }

    /* hark_sim_run, and for that long at most: 1: time is up. */
    result run() const noexcept
    {
        return hark_sim_run(world_);
    }
    result run_for(nanoseconds duration) const noexcept
    {
        return hark_sim_run_for(world_, detail::count_of(duration));
    }

    time_point now() const noexcept
    {
        return time_point(nanoseconds(static_cast<int64_t>(hark_sim_now(world_))));
    }
    uint64_t random(uint64_t bound) const noexcept
    {
        return hark_sim_random(world_, bound);
    }
    uint64_t hash() const noexcept
    {
        return hark_sim_hash(world_);
    }

    explicit operator bool() const noexcept
    {
        return world_ != nullptr;
    }
    struct hark_sim *get() const noexcept
    {
        return world_;
    }

  private:
    struct hark_sim *world_ = nullptr;
};

/* A world of its own for one program: one machine, and one process on it that calls it.
 * Gives: its status; or what the world ended with, as hark_sim_create and hark_sim_run.
 * Fails: -ENOMEM as well. */
template <class Program>
result simulate(const hark_sim_options &options, Program &&program) noexcept
{
    world own;
    result outcome = own.create(options);
    if (!outcome)
        return outcome;
    machine only = own.add_machine();
    process ran = only ? only.start(program) : process();
    if (!ran)
        return -ENOMEM;
    outcome = own.run();
    return outcome ? result(ran.status()) : outcome;
}

} // namespace hark

#endif
