/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program of the Linux guest that makes system calls by scv and by sc, at
 * addresses that a debugger outside knows: it is linked at a fixed address, and
 * what it executes can be read in this very file (QEMU's gdbstub translates no
 * user addresses of a radix guest under KVM).
 *
 * In between it computes for longer than the time between two timer interrupts.
 */
#define NR_getppid	64
#define NR_setpriority	97
#define NR_nanosleep	162

	.abiversion 2
	.machine "power9"
	.text
	.globl	_start, the_sc, after_sc, the_scv, after_scv, other_sc, after_other_sc
	.globl	spin, spin_end

_start:
	lis	%r31, data@ha
	addi	%r31, %r31, data@l
	/* Ahead of all others: they shall not come between a call and its return. */
	li	%r3, 0			/* PRIO_PROCESS */
	li	%r4, 0
	li	%r5, -20
	li	%r0, NR_setpriority
	sc

again:
	li	%r0, NR_getppid
the_sc:
	sc
after_sc:
	std	%r3, 0(%r31)
	ld	%r4, 0(%r31)
	cmpd	%r3, %r4
	bne	again
	li	%r0, NR_getppid
the_scv:
	scv	0
after_scv:
	/* Some of everything: a call, branches either way, loads and stores. */
	bl	function
	cmpdi	%r5, 0
	bne	1f
	trap
1:	li	%r6, 3
	mtctr	%r6
2:	addi	%r7, %r7, 1
	stdx	%r7, %r31, %r0
	bdnz	2b
	lbz	%r8, 1(%r31)
	cntlzd	%r8, %r8
	mfcr	%r9
	mtcr	%r9
	li	%r0, NR_getppid
other_sc:
	sc
after_other_sc:
	std	%r3, 8(%r31)

spin:
	/* 10 ms at 512 MHz, looking at the clock now and then */
	mftb	%r10
	lis	%r11, 78
3:	li	%r9, 1000
	mtctr	%r9
4:	addi	%r7, %r7, 1
	std	%r7, 0(%r31)
	bdnz	4b
	mftb	%r9
	subf	%r9, %r10, %r9
	cmpd	%r9, %r11
	blt	3b
spin_end:

	addi	%r3, %r31, 16
	li	%r4, 0
	li	%r0, NR_nanosleep
	sc
	b	again

function:
	mflr	%r0
	li	%r5, 1
	mtlr	%r0
	li	%r0, 8
	blr

	.data
	.balign	16
data:
	.quad	0, 0
	/* struct timespec: 60 ms */
	.quad	0, 60000000

	.section .note.GNU-stack, "", @progbits
