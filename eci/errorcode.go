package eci

// verdict is what a code of the service means to a caller.
type verdict struct {
	kind   error
	advice string
}

// verdicts are the codes of eci §2.2, §2.3, §2.5, §2.6 and §2.8, then those that
// Alibaba's RPC gateway is known to give before a service is asked.
var verdicts = map[string]verdict{
	"DryRunOperation": {ErrDryRun, "send it without the dry run"},
	"DryRun.Success":  {ErrDryRun, "send it without the dry run"},

	"Account.Arrearage":                       {ErrArrears, "settle the account's bill"},
	"ServiceNotEnabled":                       {ErrServiceNotEnabled, "enable ECI for the account, in its console"},
	"Forbidden.OnlyForInvitedTest":            {ErrNotSupported, "this is open to invited accounts only: ask by a ticket, or leave it out"},
	"Forbidden.RiskControl":                   {ErrAccount, "risk control holds the account: ask by a ticket"},
	"Forbidden.UserBussinessStatus":           {ErrAccount, "the account's business status does not allow it: see the account's centre"},
	"Forbidden.UserNotRealNameAuthentication": {ErrAccount, "verify the account's identity first"},
	"SecurityRisk.3DVerification":             {ErrAccount, "finish the card's 3-D verification in the console"},
	"Forbidden.SubUser":                       {ErrNoPermission, "grant the RAM user this action"},
	"NoPermission":                            {ErrNoPermission, "grant the user or role this action in RAM"},
	"Forbidden.RAM":                           {ErrNoPermission, "grant the user or role this action in RAM"},
	"InvalidUser.PassRoleForbidden":           {ErrNoPermission, "grant ram:PassRole for the role"},
	"CreateServiceLinkedRole.Denied":          {ErrNoPermission, "grant ram:CreateServiceLinkedRole, or make AliyunServiceRoleForECI in the console"},

	"QuotaExceeded":                {ErrQuota, "delete what is not needed, or ask for a higher quota; cachebench cache list shows the quotas of image caches"},
	"Throttling.Vcpu.PerDay":       {ErrQuota, "the account's vCPUs for today are used up: go on tomorrow, or ask for more"},
	"OperationDenied.NoStock":      {ErrNoStock, "give vSwitches in several zones, or other sizes"},
	"Zone.NotOnSale":               {ErrNoStock, "give vSwitches in other zones"},
	"Spot.NotMatched":              {ErrNoStock, "raise the price limit, or do without spot"},
	"InvalidVSwitchId.IpNotEnough": {ErrNoAddress, "give a vSwitch with free addresses"},
	"EipAddressPoolIpNotEnough":    {ErrNoAddress, "give an EIP that exists, or try later"},

	"IncorrectStatus":                 {ErrIncorrectStatus, "wait for a state that allows it"},
	"ImageCache.IncorrectStatus":      {ErrIncorrectStatus, "caches change when they are Ready or UpdateFailed: wait"},
	"ImageSnapshot.IncorrectStatus":   {ErrIncorrectStatus, "wait until the cache is Ready"},
	"OperationConflict":               {ErrConflict, "wait for the other operation on it"},
	"ImageSnapshot.NotFound":          {ErrNotFound, "the cache is not in this region: list the caches"},
	"NoNeedUpdate":                    {ErrNothingToUpdate, ""},
	"IdempotentParameterMismatch":     {ErrIdempotentMismatch, "use a new client token for a new request"},
	"ImageCacheNotSupport":            {ErrNotSupported, "the region or the account has no image caches"},
	"ImageSnapshot.NotSupport":        {ErrNotSupported, "this group cannot start from a cache: leave the cache out"},
	"JobInstanceImageCacheNotSupport": {ErrNotSupported, "job instances start without caches: leave the cache out"},
	"DiskVolume.NotSupport":           {ErrNotSupported, "leave the disk volume out"},
	"RamRole.NotSupport":              {ErrNotSupported, "leave the RAM role out"},

	"InvalidParameter.CPU.Memory":           {ErrInvalid, "give a combination of vCPU and memory that ECI has"},
	"InvalidParameter.DuplicatedName":       {ErrInvalid, "give each container another name"},
	"OperationDenied.VswZoneMisMatch":       {ErrInvalid, "give vSwitches of the zone that is asked for"},
	"OperationDenied.SecurityGroupMisMatch": {ErrInvalid, "give a security group of the vSwitches' VPC"},

	"Throttling":             {ErrThrottled, "make fewer calls at once"},
	"EipPurchaseFlowControl": {ErrThrottled, "make fewer EIPs at once"},

	"InvalidAccessKeyId.NotFound":                {ErrCredentials, "the access key does not exist: check ALIBABA_CLOUD_ACCESS_KEY_ID, or the profile"},
	"InvalidAccessKeyId":                         {ErrCredentials, "the access key does not exist: check ALIBABA_CLOUD_ACCESS_KEY_ID, or the profile"},
	"InvalidAccessKeyId.Inactive":                {ErrCredentials, "the access key is disabled: enable it, or use another"},
	"Forbidden.AccessKeyDisabled":                {ErrCredentials, "the access key is disabled: enable it, or use another"},
	"SignatureDoesNotMatch":                      {ErrCredentials, "the access key's secret is not that of its ID"},
	"IncompleteSignature":                        {ErrCredentials, "the access key's secret is not that of its ID"},
	"MissingSecurityToken":                       {ErrCredentials, "temporary keys need ALIBABA_CLOUD_SECURITY_TOKEN, too"},
	"InvalidSecurityToken.MismatchWithAccessKey": {ErrCredentials, "the security token is not that of the access key"},
	"InvalidSecurityToken.Malformed":             {ErrCredentials, "the security token is not whole"},
	"InvalidSecurityToken.Expired":               {ErrExpiredToken, "get new temporary keys, or use a role that renews them"},
	"SecurityTokenExpired":                       {ErrExpiredToken, "get new temporary keys, or use a role that renews them"},
	"InvalidTimeStamp.Expired":                   {ErrClock, "set this machine's clock"},
	"InvalidTimestamp":                           {ErrClock, "set this machine's clock"},
	"IllegalTimestamp":                           {ErrClock, "set this machine's clock"},
	"SignatureNonceUsed":                         {ErrUnavailable, "something between here and the service sends requests twice"},
	// Idempotence of other services of Alibaba, not of eci §2.8: inferred.
	"IdempotentProcessing": {ErrConflict, "the same call is still being worked on: wait"},
	"LastTokenProcessing":  {ErrConflict, "the same call is still being worked on: wait"},
}
