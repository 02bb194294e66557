/* udp.h - UDP (RFC 768): datagrams that may be lost, doubled, and overtake each other. */
#ifndef SIM_UDP_H
#define SIM_UDP_H

#include "sim/ports.h"

struct socket *udp_open(struct machine *machine, int family, int type);

#endif
