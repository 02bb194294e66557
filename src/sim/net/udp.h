/* udp.h - UDP (RFC 768): datagrams that may be lost, doubled, and overtake each other. */
#ifndef SIM_NET_UDP_H
#define SIM_NET_UDP_H

#include "sim/net/ports.h"

struct socket *udp_open(struct machine *machine, int family, int type);

#endif
