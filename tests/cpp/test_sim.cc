/* test_sim.cc - simulated worlds in C++: hark/cpp/sim.hpp. Without exceptions and run-time
 * types. */
#include "hark/cpp/sim.hpp"

#include "cpp/cpp.hpp"

#include <cerrno>

namespace
{

/* A process with a loop, in its world's time. */
int sleeps(hark::nanoseconds how_long)
{
    hark::loop loop;
    hark::result outcome;
    if (!loop.create())
        return 100;
    hark::op timer([&](hark::result came) { outcome = came; });
    timer.start(hark::sleep(loop, how_long));
    if (!loop.run() || !outcome)
        return 101;
    return 7;
}

TEST(simulate_runs_a_lambda_in_a_world_and_gives_its_status)
{
    int runs = 0;
    assert_came(hark::simulate({}, [&] { return runs++, sleeps(1h); }), 7);
    assert_came(hark::simulate({}, [&] { runs++; }), 0);
    assert_int_equal(runs, 2);
    hark_sim_options options = {};
    options.time_max_ns = 1000000000;
    assert_came(hark::simulate(options, [&] { return sleeps(1h); }), -ETIME);
}

uint64_t hash_of(uint64_t seed)
{
    hark_sim_options options = {};
    options.seed = seed;
    hark::world own;
    assert_came(own.create(options), 0);
    auto program = [] { return sleeps(1ms); };
    hark::process process = own.add_machine().start(program);
    assert_true(static_cast<bool>(process));
    assert_came(own.run(), 0);
    assert_true(process.ended());
    assert_int_equal(process.status(), 7);
    hark_sim_leftovers left = process.left();
    assert_int_equal(left.descriptors + left.allocations + left.threads + left.mappings, 0);
    assert_true(own.now() >= hark::time_point(1ms));
    return own.hash();
}

TEST(worlds_of_one_seed_are_the_same)
{
    assert_true(hash_of(3) == hash_of(3));
    assert_true(hash_of(3) != hash_of(4));
}

TEST(world_has_machines_and_processes)
{
    hark::world own;
    assert_false(static_cast<bool>(own));
    assert_came(own.create(), 0);
    hark::world other;
    assert_came(other.create(), -EBUSY);
    hark::world moved = std::move(own);
    assert_false(static_cast<bool>(own));
    hark::machine one = moved.add_machine();
    hark::machine two = moved.add_machine();
    auto for_ever = [] { return sleeps(1000h); };
    auto also = [] { return sleeps(1000h); };
    hark::process first = one.start(for_ever);
    hark::process second = two.start(also);
    assert_came(second.setenv("HARK_BACKEND", "epoll"), 0);
    one.partition(two);
    one.heal(two);
    assert_came(moved.run_for(1ms), 1);
    first.kill();
    assert_true(first.ended());
    assert_int_equal(first.status(), 128 + 9);
    two.power_off();
    assert_false(two.is_on());
    assert_true(second.ended());
    two.power_on();
    assert_true(two.is_on());
    assert_came(moved.run(), 0);
    moved.end();
    assert_came(other.create(), 0);
}

} // namespace
