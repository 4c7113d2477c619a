#include "textflag.h"

#define SYS_clone 56

// func cloneMirror(flags, stack uintptr, ended *uint32, fd uintptr, c *cell) (pid, errno uintptr)
TEXT ·cloneMirror(SB),NOSPLIT,$0-56
	MOVQ flags+0(FP), DI
	MOVQ stack+8(FP), SI
	MOVQ $0, DX
	MOVQ ended+16(FP), R10
	MOVQ $0, R8
	// The child has the registers, and an empty stack.
	MOVQ fd+24(FP), R12
	MOVQ c+32(FP), R13
	MOVQ $SYS_clone, AX
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	CMPQ AX, $0xfffffffffffff001
	JCC  failed
	MOVQ AX, pid+40(FP)
	MOVQ $0, errno+48(FP)
	RET
failed:
	NEGQ AX
	MOVQ $0, pid+40(FP)
	MOVQ AX, errno+48(FP)
	RET
child:
	SUBQ $16, SP
	MOVQ R12, 0(SP)
	MOVQ R13, 8(SP)
	CALL ·runMirror(SB)
	INT  $3
