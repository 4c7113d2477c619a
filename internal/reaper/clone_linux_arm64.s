#include "textflag.h"

#define SYS_clone 220

// func cloneMirror(flags, stack uintptr, ended *uint32, fd uintptr, c *cell) (pid, errno uintptr)
TEXT ·cloneMirror(SB),NOSPLIT,$0-56
	MOVD flags+0(FP), R0
	MOVD stack+8(FP), R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD ended+16(FP), R4
	// The child has the registers, and an empty stack.
	MOVD fd+24(FP), R10
	MOVD c+32(FP), R11
	MOVD $SYS_clone, R8
	SVC
	CBZ  R0, child
	CMN  $4095, R0
	BCS  failed
	MOVD R0, pid+40(FP)
	MOVD ZR, errno+48(FP)
	RET
failed:
	NEG  R0, R0
	MOVD ZR, pid+40(FP)
	MOVD R0, errno+48(FP)
	RET
child:
	SUB  $32, RSP
	MOVD R10, 8(RSP)
	MOVD R11, 16(RSP)
	BL   ·runMirror(SB)
	BRK
