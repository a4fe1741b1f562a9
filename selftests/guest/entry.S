/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first instructions of the bare guest, and what C cannot say.
 *
 * The firmware jumps to the start of the image, wherever it has loaded it, in
 * real mode and big-endian: so everything here is relative to where it runs.
 */

	.abiversion 2

	.section .text.entry, "ax", @progbits
	.globl	_start
_start:
	/*
	 * Whatever MSR[LE] is, go on with it set. Read in the other byte order,
	 * the first word is "b .+8", and the words behind it are instructions.
	 */
	tdi	0, 0, 0x48
	b	1f
	.long	0xa600607d	/* mfmsr  r11 */
	.long	0x01006b69	/* xori   r11, r11, 1 */
	.long	0x00004039	/* li     r10, 0 */
	.long	0x6401417d	/* mtmsrd r10, 1 */
	.long	0x05009f42	/* bcl    20, 31, .+4 */
	.long	0xa602487d	/* mflr   r10 */
	.long	0x14004a39	/* addi   r10, r10, 20 */
	.long	0xa6035a7d	/* mtsrr0 r10 */
	.long	0xa6037b7d	/* mtsrr1 r11 */
	.long	0x2400004c	/* rfid */
1:
	bl	setup
	bl	main
	nop
	b	.

/* TOC pointer and stack. */
setup:
	mflr	%r0
	bcl	20, 31, 1f
1:	mflr	%r2
	addis	%r2, %r2, (.TOC. - 1b)@ha
	addi	%r2, %r2, (.TOC. - 1b)@l
	addis	%r1, %r2, stack_end@toc@ha
	addi	%r1, %r1, stack_end@toc@l
	li	%r11, 0
	stdu	%r11, -64(%r1)
	mtlr	%r0
	blr

/*
 * Copied to every interrupt vector, where it has room for eight words. C fills
 * in the address of vector_common.
 */
	.globl	vector_stub, vector_stub_end
	.balign	8
vector_stub:
	bcl	20, 31, 1f
1:	mflr	%r31
	ld	%r12, 2f - 1b(%r31)
	mtctr	%r12
	bctr
	nop
2:	.quad	0
vector_stub_end:

	.globl	vector_common
vector_common:
	mfspr	%r30, 26	/* SRR0 */
	bl	setup
	addi	%r3, %r31, -4
	mr	%r4, %r30
	bl	exception
	nop
	b	.

/* long hcall(long number, ...): the arguments are where PAPR wants them. */
	.text
	.globl	hcall
	.type	hcall, @function
hcall:
	sc	1
	blr
	.size	hcall, . - hcall

	.bss
	.balign	16
	.space	16384
	.globl	stack_end
	.hidden	stack_end
stack_end:

	.section .note.GNU-stack, "", @progbits
