"""Tests the log bucket in the template, with the defaults and with each parameter.

These tests read the template, because moto ignores most of the bucket's properties and the conditions of denials.
"""

import unittest

import rust
import template

KEY = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"


def bucket(**parameters: str) -> dict:
    return template.properties(template.resolved(**parameters), "LogBucket")


def statement(sid: str) -> dict:
    document = template.properties(template.resolved(), "LogBucketPolicy")["PolicyDocument"]
    (found,) = [statement for statement in document["Statement"] if statement["Sid"] == sid]
    return found


def objects(prefix: str) -> dict:
    return {"Fn::Sub": f"${{LogBucket.Arn}}/{prefix}"}


class Policy(unittest.TestCase):
    def test_bucket_denies_plain_http(self):
        self.assertEqual(
            statement("DenyInsecureTransport"),
            {
                "Sid": "DenyInsecureTransport",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [{"Fn::GetAtt": ["LogBucket", "Arn"]}, objects("*")],
                "Condition": {"Bool": {"aws:SecureTransport": False}},
            },
        )

    def test_bucket_denies_uploads_that_could_overwrite(self):
        denied = statement("DenyOverwrites")
        self.assertEqual(
            {key: value for key, value in denied.items() if key != "Resource"},
            {
                "Sid": "DenyOverwrites",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Condition": {"Null": {"s3:if-none-match": True}},
            },
        )
        self.assertCountEqual(denied["Resource"], [objects(f"{log}/*") for log in rust.logs()])

    def test_bucket_policy_allows_nothing(self):
        document = template.properties(template.resolved(), "LogBucketPolicy")["PolicyDocument"]
        self.assertEqual({statement["Effect"] for statement in document["Statement"]}, {"Deny"})


class Bucket(unittest.TestCase):
    def test_bucket_is_private_versioned_and_retained_after_creation(self):
        plain = bucket()
        self.assertEqual(set(plain["PublicAccessBlockConfiguration"].values()), {True})
        self.assertEqual(len(plain["PublicAccessBlockConfiguration"]), 4)
        self.assertEqual(plain["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}])
        self.assertEqual(plain["VersioningConfiguration"], {"Status": "Enabled"})
        for name in ["LogBucket", "LogBucketPolicy", "Table"]:
            kept = template.resolved()["Resources"][name]
            policies = (kept["DeletionPolicy"], kept["UpdateReplacePolicy"])
            self.assertEqual(policies, ("RetainExceptOnCreate", "Retain"), name)

    def test_bucket_uses_s3_keys_unless_kms_key_is_set(self):
        self.assertEqual(encryption(bucket()), {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}})
        self.assertEqual(
            encryption(bucket(KmsKeyArn=KEY)),
            {
                "BucketKeyEnabled": True,
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
            },
        )

    def test_object_lock_is_off_unless_mode_is_set(self):
        self.assertFalse({"ObjectLockEnabled", "ObjectLockConfiguration"} & set(bucket()))
        for mode in ["GOVERNANCE", "COMPLIANCE"]:
            locked = bucket(ObjectLockMode=mode, ObjectLockDays="90")
            self.assertIs(locked["ObjectLockEnabled"], True)
            retention = {"Mode": mode, "Days": "90"}
            wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
            self.assertEqual(locked["ObjectLockConfiguration"], wanted)

    def test_lifecycle_moves_and_deletes_nothing_unless_days_are_set(self):
        self.assertEqual([rule["Id"] for rule in rules(bucket())], ["AbortIncompleteUploads"])
        self.assertEqual(
            [rule["Id"] for rule in rules(bucket(ArchiveAfterDays="30"))], ["AbortIncompleteUploads", "Archive"]
        )
        both = bucket(ArchiveAfterDays="30", DeleteAfterDays="400")
        names = ["Archive", "DeleteVersions"]
        (archive,), (versions,) = ([rule for rule in rules(both) if rule["Id"] == name] for name in names)
        self.assertEqual(archive["Transitions"], [{"StorageClass": "GLACIER_IR", "TransitionInDays": "30"}])
        self.assertEqual((versions["NoncurrentVersionExpiration"], versions.get("Prefix")), ({"NoncurrentDays": 30}, None))
        self.assertEqual({rule["Status"] for rule in rules(both)}, {"Enabled"})

    def test_every_day_log_expires_except_1970(self):
        expiring = [rule for rule in rules(bucket(DeleteAfterDays="400")) if "ExpirationInDays" in rule]
        self.assertEqual({rule["ExpirationInDays"] for rule in expiring}, {"400"})

        def expires(key: str) -> bool:
            return any(key.startswith(rule.get("Prefix", "")) for rule in expiring)

        for log in rust.logs():
            for year in rust.years():
                self.assertTrue(expires(f"{log}/{year}/01/01/acme-000001.json.gz"), (log, year))
            # Its objects are created over years, and the stream stops if the first one is missing.
            self.assertFalse(expires(f"{log}/1970/01/01/acme-000001.json.gz"), log)
        self.assertTrue(expires("aside/audit/2026/11/22/acme-000001.json.gz"))


def encryption(bucket: dict) -> dict:
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule


def rules(bucket: dict) -> list[dict]:
    return bucket["LifecycleConfiguration"]["Rules"]
