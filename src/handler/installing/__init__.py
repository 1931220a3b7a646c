"""What the setup function installs in a cluster, and how it talks to CloudFormation meanwhile."""
