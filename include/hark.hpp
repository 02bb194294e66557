/* hark.hpp - libhark for C++, in one include: C++17, and with C++20 coroutines.
 *
 * It stands above hark.h and is all inline: the library is the same, and whatever is not here is
 * called as it is from C. Neither exceptions nor run-time types are needed. docs/CPP.md teaches it.
 */
#ifndef HARK_HPP
#define HARK_HPP

#include "hark/cpp/base.hpp"
#include "hark/cpp/kinds.hpp"
#include "hark/cpp/loop.hpp"
#include "hark/cpp/op.hpp"
#include "hark/cpp/request.hpp"
#include "hark/cpp/stream.hpp"

#if __cplusplus >= 202002L
#include <version>
#ifdef __cpp_lib_coroutine
#define HARK_COROUTINES 1
#include "hark/cpp/changes.hpp"
#include "hark/cpp/connection.hpp"
#include "hark/cpp/coroutine.hpp"
#include "hark/cpp/job.hpp"
#include "hark/cpp/repeating.hpp"
#include "hark/cpp/together.hpp"
#endif
#endif

#endif
