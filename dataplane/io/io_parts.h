// The DPDK world from inside: what io's files share. Not for others.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "dataplane/io/io.h"
#include "dataplane/io/port_device.h"

#define POOL_CACHE 512 // buffers per worker that never touch the pool's ring

struct io_thread {
	struct io *io;
	uint32_t idx;
	pthread_t id;
	bool is_running;
	// Handed over when `ready` is posted.
	sem_t ready;
	sem_t ended;      // it has had its last turn
	sem_t all_ended;  // so has everybody
	int err;          // of its start
	const char *what; // failed
	struct worker *worker;
	const struct worker_stats *stats; // the engine's while it runs, then last
	struct worker_stats last;
	uint64_t last_cpu_us;
};

struct io {
	struct eal *eal;
	struct io_opts opts; // the callbacks and sleeping times; what it pointed to is gone
	uint8_t n_workers, n_ports;
	uint16_t cores[WORKERS_MAX];
	struct mailbox *reports[WORKERS_MAX];
	struct rte_mempool *pools[WORKERS_MAX];
	struct rte_ring *handed[WORKERS_MAX][WORKERS_MAX]; // [to][from]
	struct port ports[IO_PORTS_MAX];
	struct host host;               // as every worker starts with it
	struct bell bell;               // control's
	struct bell bells[WORKERS_MAX]; // the workers'
	struct bell *bells_of[WORKERS_MAX];
	bool has_advised_sums[IO_PORTS_MAX], has_advised_bursts[IO_PORTS_MAX];
	uint64_t rivals_said[HOST_ADDRS_MAX]; // as worker.rivals
	struct io_thread threads[WORKERS_MAX];
};

// CPU time of a worker's thread, also after its end.
uint64_t io_thread_cpu_us(const struct io_thread *);
