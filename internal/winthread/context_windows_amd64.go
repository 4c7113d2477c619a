package winthread

// Of CONTEXT (winnt.h): where its flags are, and CONTEXT_CONTROL.
const (
	contextFlagsOffset = 0x30
	contextControl     = 0x100001
)
