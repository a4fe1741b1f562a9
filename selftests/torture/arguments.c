// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "vm.h"

void arguments_init(struct arguments *args, int vm_fd, unsigned int vcpus, __u64 code)
{
	size_t page = sysconf(_SC_PAGESIZE), size = (ARGUMENT_MAX + page - 1) / page * page;
	unsigned char *memory = mmap(NULL, 3 * size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + size, size, PROT_READ) ||
	    mprotect(memory + 2 * size, size, PROT_NONE))
		vm_fail("no memory for arguments");
	*args = (struct arguments){
		.memory = memory, .size = size, .vm_fd = vm_fd, .vcpus = vcpus, .code = code,
	};
}

__u64 random_value(struct random *rnd)
{
	switch (random_below(rnd, 6)) {
	case 0:
		return 0;
	case 1:
		return random_below(rnd, 20);
	case 2:
		return 1ULL << random_below(rnd, 64);
	case 3:
		return (1ULL << random_below(rnd, 64)) - 1;
	case 4:
		return -(__u64)random_below(rnd, 20);
	}
	return random_bits(rnd);
}

static void fill_step(const struct arguments *args, struct random *rnd, struct hvstep_step *step)
{
	*step = (struct hvstep_step){
		.vcpu = random_below(rnd, args->vcpus),
		.mode = random_below(rnd, 4),
		.flags = random_below(rnd, 4),
	};
	if (step->mode == HVSTEP_STEP_CANCEL)
		step->flags &= ~HVSTEP_STEP_THEN_RUN;
	if (step->mode == HVSTEP_STEP_COUNT || step->mode == HVSTEP_STEP_RANGE)
		step->count = 1 + random_below(rnd, 200);
	if (step->mode == HVSTEP_STEP_RANGE) {
		step->start = args->code + 4 * random_below(rnd, 40);
		step->end = args->code + 4 * random_below(rnd, 40) + 2;
	}
}

static void fill_trace(const struct arguments *args, struct random *rnd, struct hvstep_trace *trace)
{
	*trace = (struct hvstep_trace){
		.vcpu = random_below(rnd, args->vcpus),
		.flags = random_below(rnd, 16),
		.nr_records = 16 << random_below(rnd, 9),
		.watermark = 1 + random_below(rnd, 16),
	};
	if (random_one_in(rnd, 4)) {
		trace->start = args->code + 4 * random_below(rnd, 40);
		trace->end = trace->start + 4 * (1 + random_below(rnd, 40));
	}
}

static void fill_well(const struct arguments *args, struct random *rnd, unsigned long cmd,
		      union argument *arg)
{
	switch (cmd) {
	case HVSTEP_ATTACH:
		arg->attach.vm_fd = args->vm_fd;
		arg->attach.flags = random_one_in(rnd, 4) ? 0 : HVSTEP_ATTACH_SHARE;
		break;
	case HVSTEP_SET_POLICY:
		arg->policy.flags = random_below(rnd, 4);
		if (random_one_in(rnd, 16))
			arg->policy.flags |= HVSTEP_POLICY_EXCLUSIVE;
		arg->policy.irq = random_below(rnd, 2);
		break;
	case HVSTEP_STEP:
		fill_step(args, rnd, &arg->step);
		break;
	case HVSTEP_GET_COUNTERS:
		arg->counters.vcpu = random_one_in(rnd, 2) ? random_below(rnd, args->vcpus)
							   : HVSTEP_VCPU_ALL;
		break;
	case HVSTEP_TRACE:
		fill_trace(args, rnd, &arg->trace);
		break;
	}
}

/* Some fields, which may be two halves of a doubleword */
static void spoil(struct random *rnd, unsigned char *bytes, size_t size)
{
	unsigned int n = 1 + random_below(rnd, 3);
	__u64 value;

	while (n--) {
		size_t width = random_one_in(rnd, 2) ? 4 : 8;

		value = random_value(rnd);
		memcpy(bytes + width * random_below(rnd, size / width), &value, width);
	}
}

void argument_fill(const struct arguments *args, struct random *rnd, unsigned long cmd,
		   union argument *arg)
{
	size_t i, size = _IOC_SIZE(cmd) < 8 ? 8 : _IOC_SIZE(cmd);

	memset(arg, 0, size);
	switch (random_below(rnd, 8)) {
	case 0:
		for (i = 0; i < size / 8; i++)
			arg->words[i] = random_value(rnd);
		return;
	case 1:
	case 2:
		fill_well(args, rnd, cmd, arg);
		spoil(rnd, arg->bytes, size);
		return;
	}
	fill_well(args, rnd, cmd, arg);
}

void argument_fill_uring(struct random *rnd, struct hvstep_uring *arg)
{
	*arg = (struct hvstep_uring){
		.count = random_below(rnd, 100),
		.flags = random_below(rnd, 4),
	};
	if (random_one_in(rnd, 3))
		spoil(rnd, (unsigned char *)arg, sizeof(*arg));
}

void *argument_place(const struct arguments *args, struct random *rnd, const void *arg,
		     size_t size)
{
	unsigned char *place = args->memory;

	switch (random_below(rnd, 16)) {
	case 0:
		return (void *)random_value(rnd);
	case 1:		/* an address of the host kernel's */
		return (void *)(KERNEL_EA + (random_bits(rnd) & 0xffffffff));
	case 2:		/* which has no access to it, or for its first bytes only */
		return args->memory + 2 * args->size - random_below(rnd, size + 1);
	case 3:		/* which cannot be written, or not all of it */
		place += args->size - random_below(rnd, size + 1);
		break;
	case 4:
		place += random_below(rnd, 64);
		break;
	}
	/* What is read only stays 0. */
	if (place + size > args->memory + args->size)
		memcpy(place, arg, args->memory + args->size - place);
	else
		memcpy(place, arg, size);
	return place;
}
