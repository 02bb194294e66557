/* hark.h - everything that libhark offers, in one include. */
#ifndef HARK_H
#define HARK_H

#include "hark/address.h"
#include "hark/base.h"
#include "hark/buffer.h"
#include "hark/child.h"
#include "hark/close.h"
#include "hark/file.h"
#include "hark/group.h"
#include "hark/listener.h"
#include "hark/lookup.h"
#include "hark/loop.h"
#include "hark/metrics.h"
#include "hark/net.h"
#include "hark/op.h"
#include "hark/os.h"
#include "hark/os_descriptor.h"
#include "hark/os_file.h"
#include "hark/os_inotify.h"
#include "hark/os_process.h"
#include "hark/poll.h"
#include "hark/post.h"
#include "hark/signal.h"
#include "hark/stall.h"
#include "hark/stream.h"
#include "hark/stream_name.h"
#include "hark/timer.h"
#include "hark/trace.h"
#include "hark/tty.h"
#include "hark/work.h"

#endif
