// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into a QEMU with -accel kvm: step its first vCPU and compare each step
 * with what the same guest did under TCG.
 *
 * QEMU does not notice: what its KVM_RUN returns with KVM_EXIT_DEBUG is kept
 * here, and all other exits are QEMU's. GDB's protocol would be a hundred times
 * slower, and has no part in what is compared.
 *
 * ORACLE_REFERENCE	the file; without it nothing happens
 * ORACLE_POLICY	HVSTEP_POLICY_* flags, a number
 * ORACLE_RESULT	where to say how it went
 * ORACLE_SET		"r3=0x1000 nip=0x400000": registers to start with
 * ORACLE_FROM		"0x1234@0x400000": run free to that address first, which code
 *			that lies 0x400000 higher now is going to be copied to
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/hvstep.h>

#include "reference.h"
#include "same.h"

/* A word in real memory, and the one that it will be copied from */
struct breakpoint {
	__u64 at, source;
	__u32 insn;
};

static int (*real_ioctl)(int fd, unsigned long request, ...);

static struct {
	bool wanted;
	int kvm;		/* /dev/kvm */
	int session;
	int vcpu;		/* the first one's descriptor */
	struct kvm_run *run;
	enum { NOT_STARTED, RUNNING_FREE, STEPPING } phase;
	unsigned char *memory;	/* the guest's, from address 0 on */
	struct breakpoint from;
	struct reference ref;
	struct same same;
	FILE *result;
} follow = { .vcpu = -1, .session = -1 };

static void __attribute__((noreturn, format(printf, 1, 2))) end(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(follow.result, fmt, ap);
	va_end(ap);
	fprintf(follow.result, "\n");
	fflush(follow.result);
	/* The guest is not needed any more, and other threads of QEMU are. */
	_exit(0);
}

static void __attribute__((constructor)) init(void)
{
	const char *path = getenv("ORACLE_REFERENCE");
	const char *result = getenv("ORACLE_RESULT");
	const char *wrong;

	real_ioctl = dlsym(RTLD_NEXT, "ioctl");
	follow.result = result ? fopen(result, "we") : stderr;
	/* QEMU's children, if it has any, are none of ours. */
	unsetenv("LD_PRELOAD");
	if (!path || !follow.result)
		return;
	wrong = reference_open(&follow.ref, path);
	if (wrong)
		end("%s %s", path, wrong);
	follow.wanted = true;
}

static void attach(int kvm, int vm)
{
	const char *flags = getenv("ORACLE_POLICY");
	struct hvstep_policy policy = { .flags = flags ? strtoull(flags, NULL, 0) : 0 };
	struct hvstep_attach arg = { .vm_fd = vm };
	int fd = open("/dev/hvstep", O_RDWR | O_CLOEXEC);

	follow.kvm = kvm;
	follow.session = fd < 0 ? -1 : real_ioctl(fd, HVSTEP_ATTACH, &arg);
	if (follow.session < 0)
		end("hvstep: %s", strerror(errno));
	close(fd);
	if (real_ioctl(follow.session, HVSTEP_SET_POLICY, &policy))
		end("policy %s: %s", flags, strerror(errno));
}

static void found_memory(const struct kvm_userspace_memory_region *region)
{
	if (!region->guest_phys_addr && region->memory_size)
		follow.memory = (unsigned char *)(unsigned long)region->userspace_addr;
}

static void found_vcpu(int fd)
{
	int size = real_ioctl(follow.kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	follow.run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (follow.run == MAP_FAILED)
		end("kvm_run: %s", strerror(errno));
	follow.vcpu = fd;
}

static void breakpoint_plant(unsigned char *memory, const char *where, struct breakpoint *bp)
{
	static const __u32 word = 0x00dddd00;	/* reads the same in both byte orders */
	char *offset;

	/* In real mode the bits above are ignored. */
	bp->at = strtoull(where, &offset, 0) & ~(0xfULL << 60);
	bp->source = bp->at + (*offset == '@' ? strtoull(offset + 1, NULL, 0) : 0);
	if (!memory)
		end("where the guest's memory is has not been seen");
	memcpy(&bp->insn, memory + bp->source, 4);
	memcpy(memory + bp->source, &word, 4);
}

static void breakpoint_remove(unsigned char *memory, const struct breakpoint *bp)
{
	memcpy(memory + bp->source, &bp->insn, 4);
	memcpy(memory + bp->at, &bp->insn, 4);
}

static void get_state(__u64 *state, struct kvm_regs *r)
{
	unsigned int i;

	if (real_ioctl(follow.vcpu, KVM_GET_REGS, r))
		end("KVM_GET_REGS: %s", strerror(errno));
	for (i = 0; i < 32; i++)
		state[REF_GPR0 + i] = r->gpr[i];
	state[REF_NIP] = r->pc;
	state[REF_MSR] = r->msr;
	state[REF_CR] = r->cr;
	state[REF_LR] = r->lr;
	state[REF_CTR] = r->ctr;
	state[REF_XER] = r->xer;
}

/* Go on with the reference's idea of these. */
static void adopt(struct kvm_regs *r, __u64 fields)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		if (fields & 1ULL << (REF_GPR0 + i))
			r->gpr[i] = follow.ref.now[REF_GPR0 + i];
	if (fields & 1ULL << REF_CR)
		r->cr = follow.ref.now[REF_CR];
	if (fields & 1ULL << REF_CTR)
		r->ctr = follow.ref.now[REF_CTR];
	if (real_ioctl(follow.vcpu, KVM_SET_REGS, r))
		end("KVM_SET_REGS: %s", strerror(errno));
}

static void compare(void)
{
	__u64 state[REF_NR_REGS];
	struct kvm_regs r;

	get_state(state, &r);
	switch (same_step(&follow.same, &follow.ref, state)) {
	case SAME:
		break;
	case MAY_DIFFER:
		adopt(&r, follow.same.fields);
		break;
	case DIFFERENT:
		same_explain(&follow.ref, state, follow.result);
		end("divergence at step %lu", follow.ref.steps);
	case AT_END:
		end("%lu steps compared, 0 divergences, %lu sequences begun again, %lu registers adopted",
		    follow.ref.steps, follow.same.retries, follow.same.adopted);
	}
}

static void set_guest_debug(__u32 control)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE | control };

	if (real_ioctl(follow.vcpu, KVM_SET_GUEST_DEBUG, &debug))
		end("KVM_SET_GUEST_DEBUG: %s", strerror(errno));
}

/* The guest is where the reference begins. */
static void begin(void)
{
	__u64 state[REF_NR_REGS];
	struct kvm_regs r;

	get_state(state, &r);
	if (!same_start(&follow.same, &follow.ref, state)) {
		same_explain(&follow.ref, state, follow.result);
		end("divergence before the first step");
	}
	set_guest_debug(KVM_GUESTDBG_SINGLESTEP);
	follow.phase = STEPPING;
}

/* The first KVM_RUN */
static void start(void)
{
	const char *set = getenv("ORACLE_SET");
	struct kvm_regs r;

	if (real_ioctl(follow.vcpu, KVM_GET_REGS, &r))
		end("KVM_GET_REGS: %s", strerror(errno));
	while (set && *set) {
		char *value;
		__u64 *reg = &r.pc;

		if (*set == 'r')
			reg = &r.gpr[strtoul(set + 1, NULL, 10) & 31];
		value = strchr(set, '=');
		if (!value)
			end("ORACLE_SET: what is %s?", set);
		*reg = strtoull(value + 1, &value, 0);
		set = value + strspn(value, " ");
	}
	if (real_ioctl(follow.vcpu, KVM_SET_REGS, &r))
		end("KVM_SET_REGS: %s", strerror(errno));

	if (!getenv("ORACLE_FROM")) {
		begin();
		return;
	}
	breakpoint_plant(follow.memory, getenv("ORACLE_FROM"), &follow.from);
	set_guest_debug(KVM_GUESTDBG_USE_SW_BP);
	follow.phase = RUNNING_FREE;
}

static int run(void)
{
	int ret;

	if (follow.phase == NOT_STARTED)
		start();
	for (;;) {
		ret = real_ioctl(follow.vcpu, KVM_RUN, 0);
		if (ret < 0 && errno != EINTR && errno != EAGAIN)
			end("KVM_RUN at step %lu, nip %llx: %s", follow.ref.steps,
			    follow.ref.now[REF_NIP], strerror(errno));
		if (ret || follow.run->exit_reason != KVM_EXIT_DEBUG)
			return ret;
		if (follow.phase == STEPPING) {
			compare();
		} else {
			breakpoint_remove(follow.memory, &follow.from);
			begin();
		}
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	void *arg;
	va_list ap;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);

	if (!follow.wanted)
		return real_ioctl(fd, request, arg);
	if (request == KVM_RUN && fd == follow.vcpu)
		return run();
	ret = real_ioctl(fd, request, arg);
	if (ret < 0)
		return ret;
	if (request == KVM_CREATE_VM)
		attach(fd, ret);
	else if (request == KVM_SET_USER_MEMORY_REGION)
		found_memory(arg);
	else if (request == KVM_CREATE_VCPU && follow.vcpu < 0)
		found_vcpu(ret);
	return ret;
}
