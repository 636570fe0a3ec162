// Traps around code that must not ask anybody for anything: no memory, no lock, no word to a log,
// no look at a clock, no system call. A program that links this stands with functions of its own
// before those of libc and DPDK, for its libraries, too; the kernel reports system calls (syscall
// user dispatch) and the CPU its tick counter's readings (PR_SET_TSC), so that vDSO clocks are
// seen. What is caught is noted and then done as asked.
//
//	trap_begin();		// in each test: cmocka has put its signal handlers in place
//	trap_arm();
//	... what is tested ...
//	trap_disarm();
//	n = trap_caught(&list);
//
// Of the calling thread only. x86-64, and a kernel from 5.11 on.
#ifndef ANNULUS_TESTS_TRAP_H
#define ANNULUS_TESTS_TRAP_H

#include <stdbool.h>
#include <stdint.h>

enum trap_kind {
	TRAP_MEMORY,
	TRAP_LOCK,
	TRAP_LOG,
	TRAP_CLOCK,
	TRAP_SYSCALL,
	TRAP_OTHER, // trap_note
};

#define TRAP_CATCHES 64 // kept; all are counted
#define TRAP_FRAMES  12

struct trap_catch {
	enum trap_kind kind;
	const char *name;        // of the function; "system call" or "rdtsc" by itself
	long number, arg;        // of a system call, and its first argument
	void *from[TRAP_FRAMES]; // who called whom, innermost first
	int n_from;
};

bool trap_begin(void); // forgets what was caught. False: this kernel or CPU has no such traps
void trap_end(void);   // takes the traps away
void trap_arm(void);
void trap_disarm(void);

// A test's own trap door: counted like the others while armed.
void trap_note(const char *name);

uint32_t trap_caught(const struct trap_catch **list); // how many since trap_begin
void trap_print(void);                                // to stderr, with the way there

#endif
