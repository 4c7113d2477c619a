package winthread

// Of CONTEXT (winnt.h): where its flags are, and CONTEXT_CONTROL.
const (
	contextFlagsOffset = 0
	contextControl     = 0x10001
)
