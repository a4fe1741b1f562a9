/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What selfdebug.c steps and probes. In assembly, so that all that is executed
 * is known: no libraries, no atomic sequences, the same each time.
 */
#define NR_exit_group	234
#define NR_kill		37
#define NR_getppid	64
#define SIGSTOP		19
#define SIGUSR1		10
#define LOOPS		12

	.abiversion 2
	.machine "power8"
	.text

/* walk(own pid, 32 bytes): stops itself by a signal, and does not return. */
	.globl	walk, walk_bp, walk_sc, walk_end
	.type	walk, @function
walk:
	mr	%r14, %r3
	mr	%r15, %r4
	/* r16 to r20 and CR are looked at from the first stop on. */
	li	%r16, 0
	li	%r17, 3
	li	%r18, 0
	li	%r19, 0
	li	%r20, 0
	mtcr	%r16
	std	%r17, 0(%r15)
	li	%r4, SIGSTOP
	li	%r0, NR_kill
	sc
	/* From here on it is stepped. */
	li	%r5, 0
	li	%r6, LOOPS
	mtctr	%r6
1:	addi	%r16, %r16, 1
	mulld	%r17, %r17, %r16
	/* Loads and stores */
	std	%r17, 8(%r15)
	lbz	%r18, 9(%r15)
	ldx	%r19, %r15, %r5
walk_bp:
	add	%r19, %r19, %r18
	stdu	%r1, -112(%r1)
	ld	%r1, 0(%r1)
	/* Floating point, through memory and back */
	lfd	%f1, 8(%r15)
	fcfid	%f1, %f1
	fadd	%f2, %f1, %f1
	stfd	%f2, 16(%r15)
	ld	%r20, 16(%r15)
	/* A branch of either way, a call */
	andi.	%r7, %r16, 1
	beq	2f
	xor	%r17, %r17, %r20
2:	bl	3f
	bdnz	1b
	/* A system call; what it returns is not the same each time. */
	li	%r0, NR_getppid
walk_sc:
	sc
	li	%r3, 0
	/* A signal, which is handled */
	mr	%r3, %r14
	li	%r4, SIGUSR1
	li	%r0, NR_kill
	sc
	addi	%r16, %r16, 100
	li	%r3, 0
	li	%r0, NR_exit_group
	sc
walk_end:
	trap
3:	mflr	%r8
	rldicl	%r9, %r17, 8, 56
	mtlr	%r8
	blr
	.size	walk, . - walk

	.globl	on_signal
	.type	on_signal, @function
on_signal:
	addi	%r5, %r3, 1
	cmpdi	%r5, 0
	bnelr
	trap
	.size	on_signal, . - on_signal

/*
 * The kernel emulates the instruction under this probe ...
 */
	.globl	called_emulated, probe_emulated
	.type	called_emulated, @function
called_emulated:
	mulld	%r5, %r3, %r4
probe_emulated:
	add	%r3, %r5, %r4
	blr
	.size	called_emulated, . - called_emulated

/*
 * ... but not this one: it has it executed elsewhere, with MSR[SE].
 */
	.globl	called_stepped, probe_stepped
	.type	called_stepped, @function
called_stepped:
	fmr	%f3, %f1
probe_stepped:
	fadd	%f1, %f3, %f2
	blr
	.size	called_stepped, . - called_stepped

	.section .note.GNU-stack, "", @progbits
