package eci

// Tag is a key and its value on a resource, or a filter for them.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// RegistryCredential is a login to a registry.
type RegistryCredential struct {
	// Server is a host, without a scheme.
	Server   string `json:"server"`
	UserName string `json:"userName"`
	Password Secret `json:"password"`
}

// ACRRegistry is an instance of ACR Enterprise Edition that images are pulled
// from without a password.
type ACRRegistry struct {
	// InstanceID is cri-..., required (eci §2.2).
	InstanceID   string `json:"instanceId"`
	InstanceName string `json:"instanceName,omitempty"`
	// RegionID is the instance's, where it is not the client's.
	RegionID string `json:"regionId,omitempty"`
	// Domains are the instance's own domain names, at most 99.
	Domains []string `json:"domains,omitempty"`
	// ARNService and ARNUser are the roles for an instance of another account.
	ARNService string `json:"arnService,omitempty"`
	ARNUser    string `json:"arnUser,omitempty"`
}
