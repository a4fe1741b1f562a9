/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The firmware that random instructions run in (make-stream puts them behind it): it
 * is started as pseries starts its firmware, at 0x100, big-endian, in real mode.
 *
 *	EA			RA		for
 *	0xc000000000000000	0		the kernel: read, execute
 *	0x10000000		0		all: read, execute
 *	0x20000000		0x20000000	all: read, write
 *	0x20200000		0x20200000	the kernel: read
 *
 * 2 MiB each, and nothing else. r1 points into the third, r2 to nothing, r13 into the
 * fourth; no instruction changes those. SPRG1 belongs to the way from block to block,
 * SPRG0 and SPRG2 to the handlers, which change nothing that an instruction could see.
 */
#define H_SET_MODE		0x31c
#define H_SET_MODE_AIL		3
#define H_SET_MODE_LE		4
#define H_REGISTER_PROC_TBL	0x37c
#define PROC_TBL_RADIX		0x1d	/* register, radix, GTSE */
#define PROC_TBL		0x200000	/* make-stream */

#ifdef __LITTLE_ENDIAN__
#define LITTLE	1
#else
#define LITTLE	0
#endif

	.machine power10
	.machine altivec
	.text

/* What faults is skipped. */
.macro skip at
	.org	\at
	b	skip_it
.endm

/* A branch went wrong: back to LR. */
.macro return at
	.org	\at
	mtsprg	0, 31
	mflr	31
	mtsrr0	31
	mfsprg	31, 0
	rfid
.endm

/* sc: the next block of the list */
.macro next_block at
	.org	\at
	mtsprg	0, 31
	mtsprg	2, 30
	mfsprg	31, 1
	ld	30, 0(31)
	mtsrr0	30
	ld	30, 8(31)
	mtsrr1	30
	addi	31, 31, 16
	mtsprg	1, 31
	mfsprg	30, 2
	mfsprg	31, 0
	rfid
.endm

/* Held while the guest is stepped */
.macro never at
	.org	\at
	b	.
.endm

.macro handlers base
	skip	\base + 0x300
	skip	\base + 0x380
	return	\base + 0x400
	return	\base + 0x480
	never	\base + 0x500
	skip	\base + 0x600
	skip	\base + 0x700
	skip	\base + 0x800
	never	\base + 0x900
	never	\base + 0xa00
	next_block \base + 0xc00
	never	\base + 0xd00
	skip	\base + 0xf20
	skip	\base + 0xf40
	skip	\base + 0xf60
.endm

.macro hypercall nr, a, b, c, d
	li	3, \nr
	li	4, \a
	lis	5, (\b) >> 16
	ori	5, 5, (\b) & 0xffff
	li	6, \c
	li	7, \d
	sc	1
.endm

	.org	0x100
#if LITTLE
	/* Read in the other order this is "b .+8"; as FIXUP_ENDIAN of Linux. */
	tdi	0, 0, 0x48
	b	setup
	.long	0xa600607d	/* mfmsr r11 */
	.long	0x01006b69	/* xori r11, r11, 1 */
	.long	0x00004039	/* li r10, 0 */
	.long	0x6401417d	/* mtmsrd r10, 1 */
	.long	0x05009f42	/* bcl 20, 31, .+4 */
	.long	0xa602487d	/* mflr r10 */
	.long	0x14004a39	/* addi r10, r10, 20 */
	.long	0xa6035a7d	/* mtsrr0 r10 */
	.long	0xa6037b7d	/* mtsrr1 r11 */
	.long	0x2400004c	/* rfid */
#endif
	b	setup

	handlers 0
	handlers 0x4000

	.org	0x8000
skip_it:
	mtsprg	0, 31
	mtsprg	2, 30
	/* SRR1 34: prefixed, which makes 8 bytes; the 4 is moved to its place. */
	mfsrr1	31
	rlwinm	31, 31, 5, 29, 29
	mfsrr0	30
	add	31, 31, 30
	addi	31, 31, 4
	mtsrr0	31
	mfsprg	30, 2
	mfsprg	31, 0
	rfid

setup:
	hypercall H_SET_MODE, LITTLE, H_SET_MODE_LE, 0, 0
	hypercall H_SET_MODE, 3, H_SET_MODE_AIL, 0, 0
	hypercall H_REGISTER_PROC_TBL, PROC_TBL_RADIX, PROC_TBL, 0, 0
	/* FSCR: prefixed instructions (POWER10), TAR, DSCR */
	li	3, 0x2104
	mtspr	153, 3
	/* VSCR and FPSCR: TCG's reset sets VSCR[NJ], KVM's does not. */
	mfmsr	4
	oris	5, 4, 0x200
	ori	5, 5, 0x2000
	mtmsrd	5
	vspltisb 0, 0
	mtvscr	0
	mtfsf	255, 0, 1, 0
	mtmsrd	4
	/* In which mode ever: this is mapped, and there is memory. */
	lis	1, 0x2001
	lis	2, 0x3000
	lis	13, 0x2020
	lis	31, blocks@h
	ori	31, 31, blocks@l
	li	30, 1
	rldicr	30, 30, 63, 0
	or	31, 31, 30
	rldicr	30, 30, 63, 63
	or	31, 31, 30
	mtsprg	1, 31
	li	30, 0
	sc

	.balign	64
#include "stream.inc"
