// The armed state, what was caught, and the two traps that the machine springs: system calls and
// readings of the tick counter.
#include "tests/support/trap.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/support/trap_state.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF          0
#define PR_SYS_DISPATCH_ON           1
#endif
#define ALLOW 0 // SYSCALL_DISPATCH_FILTER_ALLOW
#define BLOCK 1

#define OWN_FRAMES 2 // innermost ones, ours: of no news

// System calls of this stretch of code always pass: our own, and the signal handlers' way back. The
// kernel looks at where an instruction ends, so none of them may be the last.
asm(".pushsection .text.trap_gate, \"ax\", @progbits\n"
    ".globl trap_gate_begin, trap_gate_call, trap_gate_return, trap_gate_end\n"
    "trap_gate_begin:\n"
    "trap_gate_call:\n" // (number, a1 ... a6)
    "	mov %rdi, %rax\n"
    "	mov %rsi, %rdi\n"
    "	mov %rdx, %rsi\n"
    "	mov %rcx, %rdx\n"
    "	mov %r8, %r10\n"
    "	mov %r9, %r8\n"
    "	mov 8(%rsp), %r9\n"
    "	syscall\n"
    "	ret\n"
    "trap_gate_return:\n"
    "	mov $15, %rax\n" // rt_sigreturn, as unwinders know it
    "	syscall\n"
    "	ud2\n"
    "trap_gate_end:\n"
    ".popsection\n");
extern char trap_gate_begin[], trap_gate_end[];
long trap_gate_call(long number, long a1, long a2, long a3, long a4, long a5, long a6);
void trap_gate_return(void);

// One thread's. The kernel looks at `selector` at every system call.
static _Thread_local struct {
	volatile char selector;
	bool is_armed, is_ready;
	uint32_t n;
	struct trap_catch list[TRAP_CATCHES];
} trap;

// -- armed or not --

static void tick_counter(int how)
{
	trap_gate_call(SYS_prctl, PR_SET_TSC, how, 0, 0, 0, 0);
}

void trap_raise(bool were_armed)
{
	if (!were_armed)
		return;
	tick_counter(PR_TSC_SIGSEGV);
	trap.is_armed = true;
	trap.selector = BLOCK;
}

static bool lower(void)
{
	if (!trap.is_armed)
		return false;
	trap.selector = ALLOW;
	trap.is_armed = false;
	tick_counter(PR_TSC_ENABLE);
	return true;
}

void trap_arm(void)
{
	trap_raise(trap.is_ready);
}

void trap_disarm(void)
{
	lower();
}

// -- noting --

static void note(enum trap_kind kind, const char *name, long number, long arg)
{
	struct trap_catch *c;

	if (trap.n++ >= TRAP_CATCHES)
		return;
	c = &trap.list[trap.n - 1];
	*c = (struct trap_catch){.kind = kind, .name = name, .number = number, .arg = arg};
	c->n_from = backtrace(c->from, TRAP_FRAMES);
}

bool trap_lower(enum trap_kind kind, const char *name)
{
	if (!lower())
		return false;
	note(kind, name, 0, 0);
	return true;
}

void trap_note(const char *name)
{
	trap_raise(trap_lower(TRAP_OTHER, name));
}

uint32_t trap_caught(const struct trap_catch **list)
{
	*list = trap.list;
	return trap.n;
}

static void print_frame(void *at)
{
	Dl_info info;

	if (dladdr(at, &info) != 0 && info.dli_sname != NULL)
		fprintf(stderr, " < %s", info.dli_sname);
	else if (dladdr(at, &info) != 0)
		fprintf(stderr, " < %s+0x%lx", info.dli_fname,
			(unsigned long)((char *)at - (char *)info.dli_fbase));
}

void trap_print(void)
{
	for (uint32_t i = 0; i < trap.n && i < TRAP_CATCHES; i++) {
		const struct trap_catch *c = &trap.list[i];

		fprintf(stderr, "  %s", c->name);
		if (c->kind == TRAP_SYSCALL)
			fprintf(stderr, " %ld(%ld)", c->number, c->arg);
		for (int k = OWN_FRAMES; k < c->n_from; k++)
			print_frame(c->from[k]);
		fprintf(stderr, "\n");
	}
}

// -- what the machine springs --

static void on_syscall(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	bool were_armed = lower();

	if (were_armed)
		note(TRAP_SYSCALL, "system call", info->si_syscall, r[REG_RDI]);
	r[REG_RAX] = trap_gate_call(info->si_syscall, r[REG_RDI], r[REG_RSI], r[REG_RDX],
				    r[REG_R10], r[REG_R8], r[REG_R9]);
	trap_raise(were_armed);
}

// rdtsc or rdtscp, or a fault that is nobody's plan.
static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *at = (const uint8_t *)r[REG_RIP];
	bool is_p = at[0] == 0x0f && at[1] == 0x01 && at[2] == 0xf9;
	bool were_armed = lower();
	uint32_t low, high, cpu;

	if (!were_armed || !(is_p || (at[0] == 0x0f && at[1] == 0x31))) {
		signal(SIGSEGV, SIG_DFL); // happens again, and ends us
		return;
	}
	note(TRAP_CLOCK, "rdtsc", 0, 0);
	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(cpu));
	r[REG_RAX] = low;
	r[REG_RDX] = high;
	if (is_p)
		r[REG_RCX] = cpu;
	r[REG_RIP] += is_p ? 3 : 2;
	trap_raise(true);
}

// glibc would have handlers come back through its own code, where a system call does not pass.
static void handle(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {handler, SA_SIGINFO | SA_NODEFER | 0x04000000ul /* SA_RESTORER */,
		    trap_gate_return, 0};

	syscall(SYS_rt_sigaction, sig, &action, NULL, sizeof(action.mask));
}

bool trap_begin(void)
{
	void *warm[1];

	backtrace(warm, 1); // loads what it needs
	trap.n = 0;
	handle(SIGSYS, on_syscall);
	handle(SIGSEGV, on_fault);
	trap.selector = ALLOW;
	trap.is_ready = prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, trap_gate_begin,
			      trap_gate_end - trap_gate_begin, &trap.selector) == 0 &&
			prctl(PR_SET_TSC, PR_TSC_ENABLE) == 0;
	return trap.is_ready;
}

void trap_end(void)
{
	lower();
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
	trap.is_ready = false;
}
