// SPDX-License-Identifier: GPL-2.0
/*
 * Who has called whom, from what the steps of a vCPU were.
 *
 * A guest's stack is not visible here, only where each step has led: a branch that links
 * pushes a frame, a return to where one came from pops it, with whatever lies on it; so
 * does an interrupt with the rfid that returns to what it interrupted. That is a guess
 * wherever the guest does something else with its stack. What corrects it is the
 * function that the code is in: the frame on top is always of that. Where the guest goes
 * to a place that no frame came from (it has switched to another task, or returns from
 * what was called before the trace), the stack begins anew.
 */
#include <stdlib.h>

#include "calls.h"
#include "instruction.h"
#include "memory.h"

static struct frame *top(struct calls_vcpu *vcpu)
{
	return &vcpu->frames[vcpu->nr_frames - 1];
}

static void pop_to(struct calls *calls, struct calls_vcpu *vcpu, uint32_t nr)
{
	for (; vcpu->nr_frames > nr; vcpu->nr_frames--)
		calls->listener->leave(calls->context, vcpu);
}

static void push(struct calls *calls, struct calls_vcpu *vcpu, struct frame frame,
		 enum entering how)
{
	if (vcpu->nr_frames == CALLS_DEPTH_MAX) {
		pop_to(calls, vcpu, 0);
		vcpu->restarts++;
		how = ENTER_ROOT;
	}
	vcpu->frames = array_grow(vcpu->frames, vcpu->nr_frames, &vcpu->room,
				  sizeof(*vcpu->frames));
	vcpu->frames[vcpu->nr_frames++] = frame;
	calls->listener->enter(calls->context, vcpu, frame.function, how);
}

/* Another function in the place of the one on top: it returns to where that would have. */
static void replace(struct calls *calls, struct calls_vcpu *vcpu, uint32_t function,
		    enum entering how)
{
	struct frame frame = *top(vcpu);

	frame.function = function;
	pop_to(calls, vcpu, vcpu->nr_frames - 1);
	push(calls, vcpu, frame, how);
}

static void restart(struct calls *calls, struct calls_vcpu *vcpu, uint32_t function)
{
	if (vcpu->nr_frames)
		vcpu->restarts++;
	pop_to(calls, vcpu, 0);
	push(calls, vcpu, (struct frame){ .function = function }, ENTER_ROOT);
}

static bool comes_from(const struct frame *frame, uint64_t address)
{
	/* A handler returns to the instruction that it interrupted, or behind it. */
	if (frame->is_interrupt)
		return address - frame->back <= 8;
	return address == frame->back;
}

/* Pops the frame that returns to @address; false if there is none. The root is none. */
static bool pop_returning_to(struct calls *calls, struct calls_vcpu *vcpu, uint64_t address)
{
	for (uint32_t nr = vcpu->nr_frames; nr > 1; nr--) {
		if (comes_from(&vcpu->frames[nr - 1], address)) {
			pop_to(calls, vcpu, nr - 1);
			return true;
		}
	}
	return false;
}

static bool pop_to_function(struct calls *calls, struct calls_vcpu *vcpu, uint32_t function)
{
	for (uint32_t nr = vcpu->nr_frames; nr; nr--) {
		if (vcpu->frames[nr - 1].function == function) {
			pop_to(calls, vcpu, nr);
			return true;
		}
	}
	return false;
}

/* Whether the handler is executed in real mode, its address tells. */
static void interrupted(struct calls *calls, struct calls_vcpu *vcpu, uint64_t back,
			uint64_t handler)
{
	vcpu->interrupts++;
	push(calls, vcpu, (struct frame){
		.function = function_called(calls->functions, handler, 0),
		.is_interrupt = true,
		.back = back,
	}, ENTER_INTERRUPT);
}

static void jumped(struct calls *calls, struct calls_vcpu *vcpu, uint64_t to, uint64_t msr)
{
	uint32_t function = function_at(calls->functions, to, msr);

	if (function != top(vcpu)->function && function_starts(calls->functions, to, msr))
		replace(calls, vcpu, function, ENTER_TAIL_CALL);
}

/* What the last step did; @msr is that of the place where it has led. */
static void follow(struct calls *calls, struct calls_vcpu *vcpu, uint64_t to, uint64_t msr)
{
	const struct hvstep_record *last = &vcpu->last;

	switch (record_flow(last)) {
	case FLOW_CALL:
		push(calls, vcpu, (struct frame){
			.function = function_called(calls->functions, to, last->msr),
			.back = record_behind(last),
		}, ENTER_CALL);
		break;
	case FLOW_RETURN:
		if (!pop_returning_to(calls, vcpu, to))
			restart(calls, vcpu, function_at(calls->functions, to, last->msr));
		break;
	case FLOW_JUMP:
		jumped(calls, vcpu, to, last->msr);
		break;
	case FLOW_INTERRUPT:
		interrupted(calls, vcpu, last->nip & address_mask(last->msr), to);
		break;
	case FLOW_RFI:
		if (pop_returning_to(calls, vcpu, to))
			break;
		/* To a program: another one. Within the kernel: to another state. */
		if (msr & MSR_PR)
			restart(calls, vcpu, function_at(calls->functions, to, msr));
		else
			jumped(calls, vcpu, to, msr);
		break;
	case FLOW_NEXT:
		break;
	}
}

/* Whether the steps that are not there can have been one instruction after the other. */
static bool in_line(uint64_t from, uint64_t to, uint64_t missing)
{
	return missing < (1U << 30) && to - from >= 4 * missing && to - from <= 8 * missing;
}

/* The step is not where the one before has led. */
static void came_otherwise(struct calls *calls, struct calls_vcpu *vcpu, uint64_t expected,
			   const struct hvstep_record *record, uint64_t missing)
{
	uint64_t nip = record->nip & address_mask(record->msr);
	uint32_t function;

	if (!missing && !(record->msr & MSR_PR) && is_vector(nip)) {
		interrupted(calls, vcpu, expected, nip);
		return;
	}
	if (missing && in_line(expected, nip, missing))
		return;
	if (pop_returning_to(calls, vcpu, nip))
		return;
	function = function_at(calls->functions, nip, record->msr);
	if (function < FUNCTION_FIRST || !pop_to_function(calls, vcpu, function))
		restart(calls, vcpu, function);
}

/* The frame on top is of the function that the code is in. */
static void correct(struct calls *calls, struct calls_vcpu *vcpu,
		    const struct hvstep_record *record)
{
	const struct functions *functions = calls->functions;
	uint32_t is = top(vcpu)->function;
	uint32_t ought = function_at(functions, record->nip & address_mask(record->msr),
				     record->msr);

	if (is == ought)
		return;
	if (function_is_user(functions, ought) && !function_is_user(functions, is))
		restart(calls, vcpu, ought);
	else if (function_has_symbol(functions, ought) || function_has_symbol(functions, is) ||
		 function_is_user(functions, ought) != function_is_user(functions, is))
		replace(calls, vcpu, ought, ENTER_MOVED);
}

static struct calls_vcpu *vcpu_of(struct calls *calls, uint32_t id)
{
	uint32_t index;

	if (calls->current && calls->current->id == id)
		return calls->current;
	index = map_find(&calls->by_id, id, 0);
	if (index == MAP_NONE) {
		struct calls_vcpu *vcpu;

		if (calls->nr_vcpus == CALLS_VCPUS_MAX)
			return NULL;
		vcpu = allocate_zeroed(1, sizeof(*vcpu));
		vcpu->id = id;
		index = calls->nr_vcpus;
		map_add(&calls->by_id, id, 0, index);
		calls->vcpus = array_grow(calls->vcpus, index, &calls->room,
					  sizeof(*calls->vcpus));
		calls->vcpus[calls->nr_vcpus++] = vcpu;
	}
	calls->current = calls->vcpus[index];
	return calls->current;
}

/* From the last step to this one. */
static void advance(struct calls *calls, struct calls_vcpu *vcpu,
		    const struct hvstep_record *record)
{
	const struct hvstep_record *last = &vcpu->last;
	uint64_t mask = address_mask(record->msr), to = last->next & mask;
	bool goes_on = to == (record->nip & mask);
	uint64_t missing = record->seq - last->seq - 1;
	bool from_anew = record->seq <= last->seq;

	vcpu->here = from_anew || vcpu->here + 1 + missing < vcpu->here ?
		vcpu->here + 1 : vcpu->here + 1 + missing;
	if (from_anew || missing) {
		vcpu->gaps++;
		vcpu->missing += from_anew ? 0 : missing;
		calls->listener->gap(calls->context, vcpu, from_anew ? 0 : missing);
	}
	/* Where it did not get to, there is no telling in which state it would have been. */
	follow(calls, vcpu, to, goes_on ? record->msr : last->msr);
	if (!goes_on)
		came_otherwise(calls, vcpu, to, record, from_anew ? UINT64_MAX : missing);
}

void calls_record(struct calls *calls, const struct hvstep_record *record)
{
	struct calls_vcpu *vcpu = vcpu_of(calls, record->vcpu);

	if (!vcpu) {
		calls->left_out++;
		return;
	}
	if (!vcpu->records) {
		vcpu->first_seq = record->seq;
		vcpu->here = record->seq;
		restart(calls, vcpu, function_at(calls->functions,
						 record->nip & address_mask(record->msr),
						 record->msr));
	} else {
		advance(calls, vcpu, record);
	}
	correct(calls, vcpu, record);
	vcpu->last = *record;
	vcpu->records++;
	calls->listener->step(calls->context, vcpu, record);
}

void calls_end(struct calls *calls)
{
	for (size_t i = 0; i < calls->nr_vcpus; i++) {
		calls->vcpus[i]->here++;
		pop_to(calls, calls->vcpus[i], 0);
	}
}

void calls_free(struct calls *calls)
{
	for (size_t i = 0; i < calls->nr_vcpus; i++) {
		free(calls->vcpus[i]->frames);
		free(calls->vcpus[i]);
	}
	free(calls->vcpus);
	map_free(&calls->by_id);
}
