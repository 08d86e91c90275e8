"""An account on the moto server, in which IAM is minded, and roles in it. Prints JSON.

    account.py found BUCKET          makes the bucket and an administrator, has IAM minded from now on, prints his key
    account.py role NAME <POLICIES   makes the role, or gives it other policies; prints credentials of the role
    account.py uploads BUCKET        the uploads in parts that are open
    account.py call SERVICE METHOD ARGUMENTS   one call; "done", or the code of the error

Policies are a JSON object of names and documents. All but `found` are the administrator's calls, or with `call` those of
whose credentials are in the environment.

What moto 5.2.5 minds: the signature; the key and the session token; that a policy of the role allows the action, on the
resource for S3 (as bucket or bucket/key) and with "*" as the resource for all other services. A statement with a condition
forbids what it is about, whatever the condition. It minds neither bucket policies nor KMS.
"""

import json
import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def found(bucket):
    s3, iam = boto3.client("s3"), boto3.client("iam")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    iam.create_user(UserName="administrator")
    iam.put_user_policy(UserName="administrator", PolicyName="all", PolicyDocument=json.dumps(ALL))
    key = iam.create_access_key(UserName="administrator")["AccessKey"]
    # No request more is let through unseen. (A form would be read as one, and its text be gone.)
    url, headers = s3.meta.endpoint_url + "/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(url, data=b"0", headers=headers)).read()
    return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}


def role(name):
    iam = boto3.client("iam")
    try:
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for old in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=old)
    for policy, document in json.load(sys.stdin).items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    return boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]


def uploads(bucket):
    return [upload["Key"] for upload in boto3.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def call(service, method, arguments):
    try:
        getattr(boto3.client(service), method)(**json.loads(arguments))
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]


json.dump({"found": found, "role": role, "uploads": uploads, "call": call}[sys.argv[1]](*sys.argv[2:]), sys.stdout, default=str)
