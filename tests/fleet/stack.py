"""Deploys a template against the moto server and prints, as JSON, what is there then, and what the template says.

    stack.py TEMPLATE STACK

moto 5.2.5 makes of the template: the bucket with its encryption, the role with its policies, the profile, the launch
template, the group. It has no CloudFormation for bucket policies and alarms and ignores, without a word, the bucket's lifecycle
rules, public access block and ownership, and the group's hooks, lifecycle policy and metrics: of these nothing is printed, and
what the template says of them is for cfn-lint, which knows CloudFormation's own schema of each.
"""

import ast
import base64
import json
import sys

import boto3
from cfnlint.decode import decode

# moto knows some images that Canonical made; for logferry's template any image will do here.
CANONICAL = "099720109477"


def deploy(template, stack):
    ec2, cloudformation = boto3.client("ec2"), boto3.client("cloudformation")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    image = ec2.describe_images(Owners=[CANONICAL])["Images"][0]["ImageId"]
    parameters = {"Image": image, "Subnets": ",".join(subnets)}
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    return {
        "given": parameters,
        "status": status["StackStatus"],
        "outputs": {output["OutputKey"]: output["OutputValue"] for output in status["Outputs"]},
        "ids": {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources if "PhysicalResourceId" in each},
    }


def role(name):
    iam = boto3.client("iam")

    def policy(each):
        document = iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]
        # moto keeps what CloudFormation gave it as Python's own text of a dictionary.
        return ast.literal_eval(document) if isinstance(document, str) else document

    return {
        "arn": iam.get_role(RoleName=name)["Role"]["Arn"],
        "trusts": iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
        "policies": {each: policy(each) for each in iam.list_role_policies(RoleName=name)["PolicyNames"]},
        "attached": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
    }


def launch_template(name):
    data = boto3.client("ec2").describe_launch_template_versions(LaunchTemplateId=name)["LaunchTemplateVersions"][0]
    data = data["LaunchTemplateData"]
    data["UserData"] = base64.b64decode(data["UserData"]).decode()
    return data


def main():
    template, stack = open(sys.argv[1]).read(), sys.argv[2]
    there = deploy(template, stack)
    ids = there["ids"]
    s3, autoscaling = boto3.client("s3"), boto3.client("autoscaling")
    there["encryption"] = s3.get_bucket_encryption(Bucket=ids["Logs"])["ServerSideEncryptionConfiguration"]
    there["role"] = role(ids["Role"])
    there["template"] = launch_template(ids["Template"])
    there["group"] = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[stack])["AutoScalingGroups"][0]
    there["says"] = decode(sys.argv[1])[0]["Resources"]
    json.dump(there, sys.stdout, default=str)


main()
