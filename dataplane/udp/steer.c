#include "dataplane/udp/steer.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "dataplane/messages.h"

#define BY_HASH UINT32_MAX // no socket has this index, so the kernel chooses

// The id is the first word of the datagram, scrambled with the two behind it (RFC 7016 §2.2.1): the
// classic filter reads them in network order, from the UDP payload on. What is shorter yields 0,
// the first worker, who counts it as short.
int steer_by_session(int fd, uint32_t n_workers)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0), // a startup packet: by hash
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (1u << SESSION_WORKER_BITS) - 1),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, n_workers, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, BY_HASH),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0
		       ? 0
		       : -errno;
}
