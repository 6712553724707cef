package eci

import (
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
)

// signed is a request as it goes out: once, for its nonce is used then.
type signed struct {
	url       string
	headers   map[string]string
	signature Secret
}

// sign gives a call a nonce, a time and a signature, through the SDK. Everything
// is in the query, with which the service finds it for GET and POST (eci §2.1).
func (c *Client) sign(action string, parameters query, key AccessKey) (signed, error) {
	request := requests.NewCommonRequest()
	request.Method = requests.POST // CommonRequest's own is GET: eci §2.9
	request.Scheme, request.Domain = c.endpoint.scheme, c.endpoint.host
	request.Product, request.Version, request.ApiName = "Eci", "2018-08-08", action
	request.QueryParams = make(map[string]string, len(parameters)+12)
	for name, value := range parameters {
		request.QueryParams[name] = value
	}
	request.TransToAcsRequest()
	if err := auth.Sign(request, nil, c.regionID, key.provider()); err != nil {
		return signed{}, err
	}
	return signed{request.BuildUrl(), request.GetHeaders(), Secret(request.QueryParams["Signature"])}, nil
}

// provider is the SDK's form of a key.
func (k AccessKey) provider() credentials.CredentialsProvider {
	if k.SecurityToken != "" {
		return credentials.NewStaticSTSCredentialsProvider(string(k.ID), string(k.Secret), string(k.SecurityToken))
	}
	return credentials.NewStaticAKCredentialsProvider(string(k.ID), string(k.Secret))
}
