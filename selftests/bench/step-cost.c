// SPDX-License-Identifier: GPL-2.0
/*
 * What a step costs. "step-cost stock" measures what needs no module, and is to be
 * run while there is none; "step-cost hvstep" the rest. run puts both together.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cost.h"

#define REPEAT		4000
#define CLASS(name, insn)	GUEST_CODE(name, ".rept 4000\n" insn "\n.endr\n")

CLASS(integer, "addi	14, 14, 1");
CLASS(branch, "b	.+4");
CLASS(load, "lwz	4, 8(3)");
CLASS(store, "stw	4, 8(3)");
CLASS(fp, "fadd	1, 2, 3");
CLASS(vsx, "xvadddp 34, 35, 36");
CLASS(mfmsr, "mfmsr	6");
CLASS(mtmsrd, "mtmsrd	7, 1");
CLASS(rfid, "rfid");
CLASS(sc, "sc");
CLASS(sc1, "sc	1");
CLASS(fault, "lwz	4, 8(5)");
CLASS(mmio, "lwz	4, 0(8)");

/* What a class needs anew before each step, for it does not end behind itself */
enum again { GOES_ON, START_AGAIN, RETURN_TO_IT, CALL_AGAIN };

static const struct class {
	const char *name;
	const __u32 *code, *end;
	enum again again;
} classes[] = {
	{ "integer", integer, integer_end, GOES_ON },
	{ "branch", branch, branch_end, GOES_ON },
	{ "load", load, load_end, GOES_ON },
	{ "store", store, store_end, GOES_ON },
	{ "fp", fp, fp_end, GOES_ON },
	{ "vsx", vsx, vsx_end, GOES_ON },
	{ "mfmsr", mfmsr, mfmsr_end, GOES_ON },
	{ "mtmsrd", mtmsrd, mtmsrd_end, GOES_ON },
	{ "rfid", rfid, rfid_end, RETURN_TO_IT },
	{ "sc", sc, sc_end, START_AGAIN },
	{ "sc1", sc1, sc1_end, CALL_AGAIN },
	{ "fault", fault, fault_end, START_AGAIN },
	{ "mmio", mmio, mmio_end, START_AGAIN },
};

static const struct class *class_of(const char *name)
{
	const struct class *c = classes;

	while (strcmp(c->name, name))
		c++;
	return c;
}

/* The instruction over and over at CODE_RA, and the registers that it needs */
static void load_class(struct vcpu *v, const struct class *class)
{
	struct vm *vm = v->vm;

	load_code(v, CODE_RA, class->code, class->end);
	with_regs(v, r) {
		r.msr = vm_msr(vm) | MSR_FP | MSR_VEC | MSR_VSX;
		r.gpr[3] = vm_ea(vm, DATA_RA);
		r.gpr[5] = vm_ea(vm, UNMAPPED_RA);
		r.gpr[7] = r.msr;
		r.gpr[8] = vm_mmio_ea(vm);
	}
}

static void start_again(struct vcpu *v, enum again again)
{
	if (again == GOES_ON)
		return;
	with_regs(v, r) {
		r.pc = vm_ea(v->vm, CODE_RA);
		r.msr = vm_msr(v->vm) | MSR_FP | MSR_VEC | MSR_VSX;
		r.srr0 = r.pc;
		r.srr1 = r.msr;
		r.gpr[3] = again == CALL_AGAIN ? H_PROD : r.gpr[3];
	}
}

/* One step; MMIO takes two KVM_RUNs. */
static void step(struct vcpu *v, const struct class *class)
{
	if (class->code == mmio)
		run_expect(v, KVM_EXIT_MMIO);
	run_expect(v, KVM_EXIT_DEBUG);
}

static void step_cost(struct vcpu *v, const struct class *class, const char *suffix)
{
	struct cost c = { };

	load_class(v, class);
	vcpu_debug(v, DEBUG_STEP);
	for_each_sample(&c) {
		start_again(v, class->again);
		cost_begin(&c);
		step(v, class);
		cost_end(&c);
	}
	cost_report(&c, "step.%s%s", class->name, suffix);
}

/* KVM_RUN that ends at once, at a breakpoint of the VMM's */
static void breakpoint_cost(struct vcpu *v, const char *name)
{
	struct cost c = { };

	load_class(v, class_of("integer"));
	put_insn(v->vm, CODE_RA, KVMPPC_INST_SW_BREAKPOINT, v->vm->cell->be_code);
	vcpu_debug(v, DEBUG_BP);
	for_each_sample(&c) {
		cost_begin(&c);
		run_expect(v, KVM_EXIT_DEBUG);
		cost_end(&c);
	}
	cost_report(&c, "%s", name);
}

static void immediate_exit_cost(struct vcpu *v)
{
	struct cost c = { };

	v->run->immediate_exit = 1;
	for_each_sample(&c) {
		cost_begin(&c);
		if (!ioctl(v->fd, KVM_RUN, 0) || errno != EINTR)
			vm_fail("immediate_exit: %s", strerror(errno));
		cost_end(&c);
	}
	v->run->immediate_exit = 0;
	cost_report(&c, "immediate_exit");
}

static void registers_cost(struct vcpu *v)
{
	struct kvm_regs r;
	struct cost c = { };

	for_each_sample(&c) {
		cost_begin(&c);
		ioctl(v->fd, KVM_GET_REGS, &r);
		cost_end(&c);
	}
	cost_report(&c, "get_regs");
	for_each_sample(&c) {
		cost_begin(&c);
		ioctl(v->fd, KVM_SET_REGS, &r);
		cost_end(&c);
	}
	cost_report(&c, "set_regs");
}

/* count N steps in one KVM_RUN */
#define BULK	1000
static void bulk_cost(struct vcpu *v, const char *class, const char *name)
{
	struct hvstep_step step = { .vcpu = v->id, .mode = HVSTEP_STEP_COUNT, .count = BULK };
	struct cost c = { .divide = BULK };

	load_class(v, class_of(class));
	vcpu_debug(v, 0);
	for_each_sample(&c) {
		with_regs(v, r)
			r.pc = vm_ea(v->vm, CODE_RA);
		if (ioctl(v->vm->session, HVSTEP_STEP, &step))
			vm_fail("HVSTEP_STEP: %s", strerror(errno));
		cost_begin(&c);
		run_expect(v, KVM_EXIT_DEBUG);
		cost_end(&c);
	}
	with_regs(v, r) {
		if (r.pc != vm_ea(v->vm, CODE_RA + 4 * BULK))
			vm_fail("%d steps led to %llx", BULK, r.pc);
	}
	cost_report(&c, "%s", name);
}

static const struct cell ail3 = { .ile = true, .ail = true };
static const struct cell real = { .ile = true };

static struct vm *new_vm(const struct cell *cell, struct vcpu **v)
{
	struct vm *vm = vm_create(cell);

	*v = vm_vcpu(vm, 0);
	return vm;
}

static void stock(void)
{
	struct vcpu *v;
	struct vm *vm = new_vm(&ail3, &v);

	breakpoint_cost(v, "bare");
	immediate_exit_cost(v);
	registers_cost(v);
	prior_art_cost(v);
	vm_destroy(vm);
}

/* Seconds without a step, after which a VM costs nothing any more (hook.c, and some) */
#define REST	12

/* What others pay */
static void idle_costs(void)
{
	struct vcpu *v, *stepped;
	struct vm *vm = new_vm(&ail3, &v), *other = new_vm(&ail3, &stepped);

	breakpoint_cost(v, "idle.none_attached");
	vm_attach(other);
	breakpoint_cost(v, "idle.unattached");
	vm_attach(vm);
	/* Attaching brings its vCPUs out; they are left alone when nobody steps. */
	sleep(REST);
	breakpoint_cost(v, "idle.attached");
	vm_detach(vm);

	load_class(stepped, class_of("load"));
	vcpu_debug(stepped, DEBUG_STEP);
	run_expect(stepped, KVM_EXIT_DEBUG);
	breakpoint_cost(v, "others.unattached");
	vm_attach(vm);
	breakpoint_cost(v, "others.attached");
	vm_destroy(vm);

	v = vm_vcpu(other, 1);
	breakpoint_cost(v, "others.vcpu");
	vm_destroy(other);
}

/* With more vCPUs and more VMs attached; each vCPU has stepped. */
static void scale_costs(void)
{
	struct vcpu *v, *more[16];
	struct vm *vm = new_vm(&ail3, &v), *others[63];
	char name[32];
	size_t i;

	vm_attach(vm);
	for (i = 1; i < ARRAY_SIZE(more); i++) {
		more[i] = vm_vcpu(vm, i);
		load_class(more[i], class_of("load"));
		vcpu_debug(more[i], DEBUG_STEP);
		run_expect(more[i], KVM_EXIT_DEBUG);
		if (i != 3 && i != 15)
			continue;
		snprintf(name, sizeof(name), ".vcpus-%zu", i + 1);
		step_cost(v, class_of("integer"), name);
		step_cost(v, class_of("load"), name);
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = vm_create(&ail3);
		vm_attach(others[i]);
	}
	step_cost(v, class_of("integer"), ".vms-64");
	step_cost(v, class_of("load"), ".vms-64");
	for (i = 0; i < ARRAY_SIZE(others); i++)
		vm_destroy(others[i]);
	vm_destroy(vm);
}

static void hvstep(void)
{
	struct vcpu *v;
	struct vm *vm = new_vm(&ail3, &v);
	size_t i;

	vm_attach(vm);
	for (i = 0; i < ARRAY_SIZE(classes); i++)
		step_cost(v, &classes[i], "");
	bulk_cost(v, "integer", "bulk.emulated");
	bulk_cost(v, "load", "bulk.traced");
	vm_destroy(vm);

	vm = new_vm(&real, &v);
	vm_attach(vm);
	for (i = 0; i < ARRAY_SIZE(classes); i++)
		step_cost(v, &classes[i], ".real");
	vm_destroy(vm);

	idle_costs();
	scale_costs();
}

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: step-cost stock|hvstep\n"
		"Prints \"cost NAME N\" lines: host instructions where the timebase counts them,\n"
		"nanoseconds elsewhere. stock: while hvstep.ko is not loaded; hvstep: while it is.\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { } };
	int c = getopt_long(argc, argv, "h", options, NULL);

	if (c == 'h') {
		usage(stdout);
		return 0;
	}
	if (c != -1 || argc - optind != 1) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(argv[optind], "stock"))
		stock();
	else if (!strcmp(argv[optind], "hvstep"))
		hvstep();
	else
		return usage(stderr), 2;
	return 0;
}
