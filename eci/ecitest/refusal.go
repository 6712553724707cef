package ecitest

import (
	"fmt"
	"net/http"
)

// refusal is an answer that is an error: the body of eci §2.1 and its HTTP status.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(status int, code, message string, a ...any) *refusal {
	return &refusal{status, code, fmt.Sprintf(message, a...)}
}

// Error codes that eci §2 names, and those of its gateway that every RPC service
// of Alibaba Cloud shares: common knowledge, no page of ECI lists them.
const (
	codeThrottling      = "Throttling"
	codeQuota           = "QuotaExceeded"
	codeDryRun          = "DryRunOperation"
	codeNoStock         = "OperationDenied.NoStock"
	codeCacheStatus     = "ImageCache.IncorrectStatus"
	codeNoUpdate        = "NoNeedUpdate"
	codeSnapshotMissing = "ImageSnapshot.NotFound"
	codeSnapshotStatus  = "ImageSnapshot.IncorrectStatus"
	codeSnapshotOther   = "ImageSnapshot.NotSupport"
	codeCPUMemory       = "InvalidParameter.CPU.Memory"
	codeDuplicatedName  = "InvalidParameter.DuplicatedName"
	codeIdempotent      = "IdempotentParameterMismatch"
	codeInvalid         = "InvalidParameter"
	codeMissing         = "MissingParameter"
	codeNoAction        = "InvalidAction.NotFound"
	codeNoRegion        = "InvalidRegionId.NotFound"
	codeNoKey           = "InvalidAccessKeyId.NotFound"
	codeSignature       = "SignatureDoesNotMatch"
	codeNonce           = "SignatureNonceUsed"
	codeTimestamp       = "InvalidTimeStamp.Expired"
	codeTokenExpired    = "InvalidSecurityToken.Expired"
	codeTokenMismatch   = "InvalidSecurityToken.MismatchWithAccessKey"
	codeNoToken         = "MissingSecurityToken"
	codeInternal        = "InternalError"
	codeUnavailable     = "ServiceUnavailable"
	// Which codes the service gives for a cache or a group that is not there is not
	// documented (eci §2.4, §6 #16).
	codeNoCache = "ImageCache.NotFound"
	codeNoGroup = "ContainerGroup.NotFound"
)

func invalid(parameter, reason string, a ...any) *refusal {
	return refuse(http.StatusBadRequest, codeInvalid, "The specified parameter %s is not valid: %s", parameter, fmt.Sprintf(reason, a...))
}

func missing(parameter string) *refusal {
	return refuse(http.StatusBadRequest, codeMissing, "The input parameter %s that is mandatory for processing this request is not supplied.", parameter)
}

// overQuota is eci §1.5's wording.
func overQuota(thing string) *refusal {
	return refuse(http.StatusForbidden, codeQuota, "%s quota exceeded.", thing)
}

func throttled() *refusal {
	return refuse(http.StatusBadRequest, codeThrottling, "Request was denied due to request throttling.")
}

// passed is how a dry run that would succeed is told (eci §2.6).
func passed() *refusal {
	return refuse(http.StatusBadRequest, codeDryRun, "Request validation has been passed with DryRun flag set.")
}
