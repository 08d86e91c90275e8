"""An account on the moto server in which IAM is minded. Reads and prints JSON.

    account.py found BUCKET <ROLES   makes the bucket, an administrator, and roles; has IAM minded from then on. Roles are
                                     names with a policy each. Prints the names with credentials each, the
                                     administrator's among them
    account.py uploads BUCKET        prints the keys of the uploads in parts that are open
    account.py calls <CALLS          makes calls, each [CREDENTIALS, SERVICE, METHOD, ARGUMENTS]; prints "done", "unknown" or the
                                     error's code for each

What moto 5.2.5 minds: the signature; the key and the session token; that a policy of the role allows the action, on the
resource for S3 (as bucket or bucket/key) and with "*" as the resource for all other services. A statement with a condition
forbids what it is about, whatever the condition. It minds neither bucket policies nor KMS.
"""

import json
import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def found(bucket):
    s3, iam, sts = boto3.client("s3"), boto3.client("iam"), boto3.client("sts")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})

    def credentials(name, policy):
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="its", PolicyDocument=json.dumps(policy))
        return sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]

    roles = {"administrator": ALL, **json.load(sys.stdin)}
    keys = {name: credentials(name, policy) for name, policy in roles.items()}
    # No request more is let through unseen. (A form would be read as one, and its text be gone.)
    url, headers = s3.meta.endpoint_url + "/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(url, data=b"0", headers=headers)).read()
    return keys


def uploads(bucket):
    return [upload["Key"] for upload in boto3.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def call(key, service, method, arguments):
    client = boto3.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    try:
        getattr(client, method)(**arguments)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ResponseParserError:
        # moto fails at a call that it minded and does not know, and says so on a page for people.
        return "unknown"


def calls():
    return [call(*each) for each in json.load(sys.stdin)]


answer = {"found": found, "uploads": uploads, "calls": calls}[sys.argv[1]](*sys.argv[2:])
json.dump(answer, sys.stdout, default=str)
