// SPDX-License-Identifier: GPL-2.0
/* Branches, interrupts and returns, told from what a step was and where it has led. */
#include "disassembly.h"
#include "instruction.h"
#include "symbols.h"

/* ISA: primary opcodes, and extended ones of 19 */
enum { OP_BC = 16, OP_SC = 17, OP_B = 18, OP_19 = 19 };
enum {
	XO_BCLR = 16, XO_RFID = 18, XO_RFSCV = 82, XO_HRFID = 274, XO_BCCTR = 528, XO_BCTAR = 560,
};

/* "Branch always", whatever hint it has. */
#define BO_IS_ALWAYS(word)	(((word) >> 21 & 0x14) == 0x14)

uint64_t address_mask(uint64_t msr)
{
	return msr & MSR_SF ? UINT64_MAX : UINT32_MAX;
}

uint64_t record_behind(const struct hvstep_record *record)
{
	return (record->nip + (is_prefix(record->word) ? 8 : 4)) & address_mask(record->msr);
}

/* Book III, "Interrupt Vectors" and LPCR[AIL]: 0, 2, 3, and the one of scv. */
bool is_vector(uint64_t address)
{
	static const uint64_t bases[] = {
		0, 0x18000, KERNEL_BASE + 0x4000, 0x17000 - 0x100, KERNEL_BASE + 0x3000 - 0x100,
	};

	for (unsigned int i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		uint64_t offset = address - bases[i];

		if (offset >= 0x100 && offset < 0x2000 && !(offset & 0x1f))
			return true;
	}
	return false;
}

static enum flow branch_to_register(uint32_t word)
{
	bool links = word & 1;

	switch (word >> 1 & 0x3ff) {
	case XO_BCLR:
		return links ? FLOW_CALL : FLOW_RETURN;
	case XO_BCCTR:
	case XO_BCTAR:
		return links ? FLOW_CALL : FLOW_JUMP;
	case XO_RFID:
	case XO_HRFID:
	case XO_RFSCV:
		return FLOW_RFI;
	}
	return FLOW_NEXT;
}

static enum flow word_flow(uint32_t word)
{
	switch (word >> 26) {
	case OP_B:
	case OP_BC:
		return word & 1 ? FLOW_CALL : FLOW_JUMP;
	case OP_19:
		return branch_to_register(word);
	}
	return FLOW_NEXT;
}

enum flow record_flow(const struct hvstep_record *record)
{
	bool goes_on = (record->next & address_mask(record->msr)) == record_behind(record);
	enum flow flow;

	if (record->kind == HVSTEP_KIND_FAULT || record->kind == HVSTEP_KIND_REFLECTED)
		return FLOW_INTERRUPT;
	if (record->flags & HVSTEP_RECORD_NO_WORD)
		return !goes_on && is_vector(record->next) ? FLOW_INTERRUPT : FLOW_NEXT;
	/* A hypercall comes back behind itself. */
	if (record->word >> 26 == OP_SC)
		return goes_on ? FLOW_NEXT : FLOW_INTERRUPT;
	flow = word_flow(record->word);
	if (flow == FLOW_NEXT)
		return !goes_on && is_vector(record->next) ? FLOW_INTERRUPT : FLOW_NEXT;
	/* Not taken; or to the next one, which is how code learns where it is. */
	if (goes_on && flow != FLOW_RFI && !(flow == FLOW_RETURN && BO_IS_ALWAYS(record->word)))
		return FLOW_NEXT;
	return flow;
}
