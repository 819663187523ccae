"""The process on a host: keeps the newest spec of each instance, makes it real through a driver, reports.

``service.Agent`` ties together ``loop`` (what is done when), ``store`` (what was done), ``reporter`` (telling
it), ``observer`` (what is really there) and ``resync`` (comparing with the server).
"""
