// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "sweep.h"

#define MAX_SHOWN	20

/*
 * What an instruction of problem state can change, beside struct snap. Of those
 * that are no moves to SPRs and no branches, the first three.
 */
#define NR_SPRS_OF_ANY	3
enum { FPSCR, VSCR, FSCR };
static const struct spr {
	const char *name;
	__u64 id;
} sprs[] = {
	[FPSCR]	= { "fpscr",	KVM_REG_PPC_FPSCR },
	[VSCR]	= { "vscr",	KVM_REG_PPC_VSCR },
	[FSCR]	= { "fscr",	KVM_REG_PPC_FSCR },
	{ "vrsave",	KVM_REG_PPC_VRSAVE },
	{ "dscr",	KVM_REG_PPC_DSCR },
	{ "tar",	KVM_REG_PPC_TAR },
	{ "ppr",	KVM_REG_PPC_PPR },
	{ "amr",	KVM_REG_PPC_AMR },
	{ "bescr",	KVM_REG_PPC_BESCR },
	{ "ebbhr",	KVM_REG_PPC_EBBHR },
	{ "ebbrr",	KVM_REG_PPC_EBBRR },
};

__u64 next_random(struct sweep *w)
{
	/* xorshift64* */
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return w->random * 0x2545f4914f6cdd1dULL;
}

unsigned int pick(struct sweep *w, unsigned int n)
{
	return (next_random(w) >> 33) % n;
}

static unsigned long long env(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static __u64 vsr_id(int i)
{
	return i < 32 ? KVM_REG_PPC_VSR(i) : KVM_REG_PPC_VR(i - 32);
}

static void vsr_access(struct vcpu *v, int request, int i, struct vsr *vsr)
{
	struct kvm_one_reg reg = { .id = vsr_id(i), .addr = (unsigned long)vsr };

	if (ioctl(v->fd, request, &reg))
		vm_fail("VSR %d: %s", i, strerror(errno));
}

/*
 * Where the facility is off no instruction can change them, but for some of
 * opcode 4 that QEMU executes with MSR[VEC]=0.
 */
static bool has_vsrs(const struct sweep *w, unsigned int op)
{
	return op == 4 || w->start.s.r.msr & (MSR_FP | MSR_VEC | MSR_VSX);
}

static size_t nr_sprs(unsigned int op)
{
	return op == 1 || op == 17 || op == 19 || op == 31 ? ARRAY_SIZE(sprs) : NR_SPRS_OF_ANY;
}

/* The vCPU and its memory become w->start; w->now is what they are. */
static void state_set(struct sweep *w)
{
	struct vcpu *v = w->v;
	size_t i;

	vcpu_set_regs(v, &w->start.s.r);
	if (w->now.s.dar != w->start.s.dar)
		vcpu_set(v, KVM_REG_PPC_DAR, w->start.s.dar);
	if (w->now.s.dsisr != w->start.s.dsisr)
		vcpu_set(v, KVM_REG_PPC_DSISR, w->start.s.dsisr);
	for (i = 0; i < ARRAY_SIZE(sprs); i++)
		if (w->now.spr[i] != w->start.spr[i])
			vcpu_set(v, sprs[i].id, w->start.spr[i]);
	for (i = 0; i < NR_VSRS; i++)
		if (memcmp(&w->now.vsr[i], &w->start.vsr[i], sizeof(struct vsr)))
			vsr_access(v, KVM_SET_ONE_REG, i, &w->start.vsr[i]);
	if (w->now.stored)
		memcpy(w->vm->mem + USER_DATA_RA, w->data, WINDOW);
	w->now = w->start;
}

static void state_get(struct sweep *w, unsigned int op, struct state *to)
{
	size_t i;

	*to = w->start;
	snap_take(w->v, &to->s);
	for (i = 0; i < nr_sprs(op); i++)
		to->spr[i] = vcpu_get(w->v, sprs[i].id);
	if (has_vsrs(w, op))
		for (i = 0; i < NR_VSRS; i++)
			vsr_access(w->v, KVM_GET_ONE_REG, i, &to->vsr[i]);
	to->stored = memcmp(w->vm->mem + USER_DATA_RA, w->data, WINDOW);
}

static __u64 emulated(struct sweep *w)
{
	struct hvstep_counters c;

	get_counters(w->v, &c);
	return c.emulated;
}

static void step(struct sweep *w, __u64 flags, unsigned int op, struct state *to)
{
	int ret;

	set_policy(w->vm, flags, 0);
	state_set(w);
	w->v->run->exit_reason = KVM_EXIT_UNKNOWN;
	ret = step_run(w->v);
	state_get(w, op, to);
	to->ret = ret;
	to->exit_reason = w->v->run->exit_reason;
	w->now = *to;
}

static bool differs(const char *what, const char *name, int nr, __u64 a, __u64 b)
{
	if (a == b)
		return false;
	fprintf(stderr, nr < 0 ? "# %s: %s" : "# %s: %s%d", what, name, nr);
	fprintf(stderr, " is 0x%llx, expected 0x%llx\n", a, b);
	return true;
}

/* What the processor did is what is expected. */
static void show_difference(struct sweep *w, const char *what)
{
	const struct state *a = &w->emulated, *b = &w->traced;
	size_t i;

	differs(what, "errno", -1, -a->ret, -b->ret);
	differs(what, "exit_reason", -1, a->exit_reason, KVM_EXIT_DEBUG);
	differs(what, "exit_reason, traced,", -1, b->exit_reason, KVM_EXIT_DEBUG);
	snap_differs(what, &b->s, &a->s);
	for (i = 0; i < ARRAY_SIZE(sprs); i++)
		differs(what, sprs[i].name, -1, a->spr[i], b->spr[i]);
	for (i = 0; i < NR_VSRS; i++) {
		differs(what, "low half of vsr", i, a->vsr[i].d[0], b->vsr[i].d[0]);
		differs(what, "high half of vsr", i, a->vsr[i].d[1], b->vsr[i].d[1]);
	}
	for (i = 0; i < WINDOW; i++)
		differs(what, "data+", i, w->data_emulated[i], w->vm->mem[USER_DATA_RA + i]);
	snap_differs("(what the processor changed)", &w->start.s, &b->s);
}

static bool same(const struct sweep *w)
{
	const struct state *a = &w->emulated, *b = &w->traced;

	return !a->ret && a->exit_reason == KVM_EXIT_DEBUG && !memcmp(a, b, sizeof(*a)) &&
	       (!a->stored ||
		!memcmp(w->data_emulated, w->vm->mem + USER_DATA_RA, WINDOW));
}

static __u64 code_at(const struct sweep *w)
{
	return (w->privileged ? CODE_RA : USER_CODE_RA) + AT;
}

static void put_word(struct sweep *w, __u64 ra, __u32 word)
{
	struct vm *vm = w->vm;

	put_insn(vm, ra, word, vm->cell->be_code);
	memcpy(vm->sealed + ra, vm->mem + ra, sizeof(word));
	__builtin___clear_cache(vm->mem + ra, vm->mem + ra + sizeof(word));
}

bool sweep_word(struct sweep *w, __u32 word, __u32 suffix)
{
	__u64 ra = code_at(w), before = w->nr_emulated;
	unsigned int op = word >> 26;
	char what[128];
	bool emulates;

	put_word(w, ra, word);
	put_word(w, ra + 4, suffix);
	w->start.s.r.pc = w->privileged ? vm_ea(w->vm, ra) : ra;

	step(w, 0, op, &w->emulated);
	w->nr_emulated = emulated(w);
	emulates = w->nr_emulated != before;
	memcpy(w->data_emulated, w->vm->mem + USER_DATA_RA, WINDOW);
	step(w, HVSTEP_POLICY_TRACE_ALL, op, &w->traced);
	w->nr++;

	snprintf(what, sizeof(what), "%08x %08x, %s state, SF=%d, msr %llx%s", word, suffix,
		 w->privileged ? "privileged" : "problem", !w->mode_32, w->start.s.r.msr,
		 emulates ? ", emulated" : "");
	if (emulated(w) != w->nr_emulated)
		vm_fail("%s: emulated in spite of HVSTEP_POLICY_TRACE_ALL", what);
	if (!(w->nr % 8))
		vm_check_sealed(w->vm, what);
	if (!same(w) && w->nr_different++ < MAX_SHOWN)
		show_difference(w, what);
	return emulates;
}

static void random_vsrs(struct sweep *w)
{
	static const __u64 numbers[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xc008000000000000,
		0x7ff0000000000000, 0xfff8000000000000, 0x7ff4000000000000, 1,
		0x7fefffffffffffff, 0x41e0000000000000, 0x4330000000000001,
	};
	int i;

	for (i = 0; i < 2 * NR_VSRS; i++)
		w->start.vsr[i / 2].d[i % 2] = pick(w, 2) ? next_random(w) :
			numbers[pick(w, ARRAY_SIZE(numbers))];
}

void sweep_set_fscr(struct sweep *w, __u64 fscr)
{
	w->start.spr[FSCR] = fscr;
}

void sweep_start(struct sweep *w, struct vm *vm, struct vcpu *v)
{
	__u64 seed = env("HVSTEP_SEED", 0x5eed);
	size_t i;

	memset(w, 0, sizeof(*w));
	w->vm = vm;
	w->v = v;
	w->random = seed + !seed;
	w->count = env("HVSTEP_COUNT", 1);
	fprintf(stderr, "# HVSTEP_SEED=%#llx HVSTEP_COUNT=%d\n", seed, w->count);
	memcpy(w->data, vm->mem + USER_DATA_RA, WINDOW);
	w->start.s.r.msr = MSR_FP;
	state_get(w, 31, &w->start);
	w->now = w->start;
	vm_seal(vm);
	for (i = 0; i < WINDOW; i++)
		w->data[i] = next_random(w);
	memcpy(vm->mem + USER_DATA_RA, w->data, WINDOW);
	random_vsrs(w);
}

void sweep_end(struct sweep *w, unsigned int at_least)
{
	fprintf(stderr, "# %u words stepped twice, %u emulated, %u different\n",
		w->nr, w->nr_emulated, w->nr_different);
	if (w->nr_different)
		vm_fail("%u words of %u differ", w->nr_different, w->nr);
	/* Traced and traced would prove nothing. */
	if (w->nr_emulated < at_least)
		vm_fail("only %u words were emulated", w->nr_emulated);
}
