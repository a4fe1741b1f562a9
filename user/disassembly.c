// SPDX-License-Identifier: GPL-2.0
/* Instructions in words, by capstone. */
#include <capstone/capstone.h>
#include <stdbool.h>
#include <stdio.h>

#include "disassembly.h"

/* Opened once, for the life of the process; false if this capstone has no PowerPC. */
static bool opened(csh *handle)
{
	static enum { NOT_TRIED, OPEN, FAILED } state;
	static csh only;

	if (state == NOT_TRIED)
		state = cs_open(CS_ARCH_PPC, CS_MODE_64 | CS_MODE_BIG_ENDIAN, &only) == CS_ERR_OK ?
			OPEN : FAILED;
	*handle = only;
	return state == OPEN;
}

static bool by_capstone(uint32_t word, uint64_t nip, char *text, size_t size)
{
	/* A number has no byte order: big-endian is as good as any. */
	const uint8_t bytes[] = { word >> 24, word >> 16, word >> 8, word };
	cs_insn *insn;
	csh handle;

	if (!opened(&handle) || !cs_disasm(handle, bytes, sizeof(bytes), nip, 1, &insn))
		return false;
	snprintf(text, size, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "", insn->op_str);
	cs_free(insn, 1);
	return true;
}

void disassemble(uint32_t word, uint32_t suffix, uint64_t nip, char *text, size_t size)
{
	if (is_prefix(word))
		snprintf(text, size, ".long 0x%08x, 0x%08x", word, suffix);
	else if (!by_capstone(word, nip, text, size))
		snprintf(text, size, ".long 0x%08x", word);
}
