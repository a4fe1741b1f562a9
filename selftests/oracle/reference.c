// SPDX-License-Identifier: GPL-2.0
/* Reading what tcg-reference has written */
#include <endian.h>
#include <string.h>

#include "reference.h"

static bool read_u64(struct reference *ref, __u64 *val)
{
	if (fread(val, sizeof(*val), 1, ref->file) != 1)
		return false;
	*val = le64toh(*val);
	return true;
}

static bool read_record(struct reference *ref)
{
	__u64 mask;
	unsigned int i;

	if (!read_u64(ref, &mask))
		return false;
	memcpy(ref->before, ref->now, sizeof(ref->before));
	for (i = 0; i < REF_NR_FIELDS; i++)
		if (mask & 1ULL << i && !read_u64(ref, &ref->now[i]))
			return false;
	return true;
}

const char *reference_open(struct reference *ref, const char *path)
{
	__u64 magic;

	memset(ref, 0, sizeof(*ref));
	ref->file = fopen(path, "re");
	if (!ref->file)
		return "cannot be opened";
	if (!read_u64(ref, &magic) || magic != REFERENCE_MAGIC)
		return "is no reference";
	return read_record(ref) ? NULL : "is empty";
}

bool reference_next(struct reference *ref)
{
	if (!read_record(ref))
		return false;
	ref->steps++;
	return true;
}

const char *reference_name(unsigned int field)
{
	static const char *const names[] = {
		[REF_NIP] = "nip", [REF_MSR] = "msr", [REF_CR] = "cr", [REF_LR] = "lr",
		[REF_CTR] = "ctr", [REF_XER] = "xer", [REF_INSN] = "instruction",
	};
	static char gpr[8];

	if (field >= REF_NIP)
		return names[field];
	snprintf(gpr, sizeof(gpr), "r%u", field);
	return gpr;
}
